#include "calls.h"

void fd_share(struct proc *p)
{
	NOTE(fd_share, .p2 = name(p));
	p->p_fd = curlwp->l_fd;
	if (p->p_fd != NULL)
		p->p_fd->fd_refcnt++;
}

struct filedesc *fd_init(struct filedesc *fdp)
{
	NOTE(fd_init, .fdp = name(fdp));
	fd_fresh.fd_refcnt = 1;
	return &fd_fresh;
}

struct filedesc *fd_copy(void)
{
	NOTE(fd_copy);
	fd_copied.fd_refcnt = 1;
	return &fd_copied;
}

void cwdshare(struct proc *p)
{
	NOTE(cwdshare, .p2 = name(p));
	p->p_cwdi = curlwp->l_proc->p_cwdi;
	p->p_cwdi->cwdi_refcnt++;
}

struct cwdinfo *cwdinit(void)
{
	NOTE(cwdinit);
	cwdi_copied.cwdi_refcnt = 1;
	return &cwdi_copied;
}
