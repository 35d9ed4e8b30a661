#include "newborn.h"

#include "objects.h"

void newborn_ends(void)
{
	if (p2_there && !p2_gone) {
		p2_before = p2;
		p2_gone = true;
		memset(&p2, STALE, sizeof p2);
		p2.p_list = p2_before.p_list;
		p2.p_pglist = p2_before.p_pglist;
		p2.p_sibling = p2_before.p_sibling;
	}
}
