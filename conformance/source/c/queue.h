/*
 * <sys/queue.h>: a list's head knows its first entry, and each entry its neighbours.
 */
#ifndef FORKORACLE_QUEUE_H
#define FORKORACLE_QUEUE_H

#define LIST_HEAD(name, type)       \
	struct name {               \
		struct type *first; \
	}
#define LIST_ENTRY(type)                   \
	struct {                           \
		struct type *next, **here; \
	}
#define LIST_INIT(head) ((void)((head)->first = NULL))
#define LIST_INSERT_HEAD(head, element, field)                              \
	do {                                                                \
		(element)->field.next = (head)->first;                      \
		(element)->field.here = &(head)->first;                     \
		if ((head)->first != NULL)                                  \
			(head)->first->field.here = &(element)->field.next; \
		(head)->first = (element);                                  \
	} while (0)
#define LIST_INSERT_AFTER(old, element, field)                                  \
	do {                                                                    \
		(element)->field.next = (old)->field.next;                      \
		(element)->field.here = &(old)->field.next;                     \
		if ((old)->field.next != NULL)                                  \
			(old)->field.next->field.here = &(element)->field.next; \
		(old)->field.next = (element);                                  \
	} while (0)
#define LIST_REMOVE(element, field)                                                \
	do {                                                                       \
		if ((element)->field.next != NULL)                                 \
			(element)->field.next->field.here = (element)->field.here; \
		*(element)->field.here = (element)->field.next;                    \
	} while (0)
#define LIST_FIRST(head) ((head)->first)
#define LIST_NEXT(element, field) ((element)->field.next)
#define LIST_EMPTY(head) ((head)->first == NULL)
#define LIST_FOREACH(element, head, field) \
	for ((element) = (head)->first; (element) != NULL; (element) = (element)->field.next)
#define SLIST_FIRST(head) ((head)->first)
#define TAILQ_FIRST(head) ((head)->first)
#define TAILQ_EMPTY(head) ((head)->first == NULL)
#define SLIST_EMPTY(head) ((head)->first == NULL)
#define TAILQ_INIT(head)                       \
	do {                                   \
		(head)->first = NULL;          \
		(head)->last = &(head)->first; \
	} while (0)

#endif
