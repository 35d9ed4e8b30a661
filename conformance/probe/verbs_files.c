/* Descriptors, the directory, the umask. */
#ifdef __NetBSD__
#include <aio.h>
#include <sys/errno.h>
#include <sys/fcntl.h>
#endif
#include <sys/ioctl.h>

#include "observe.h"
#include "own.h"
#include "syscall.h"

void do_open(struct act *act)
{
	long fd = os_open(file_path), wanted = (long)act->step->arg[0];
	if (fd >= 0 && fd != wanted) {
		long moved = os_dup2(fd, wanted);
		CALL(close, fd);
		fd = moved;
	}
	say_result(act, fd, 0);
}

void do_close(struct act *act) { say_result(act, CALL(close, act->step->arg[0]), "ok"); }

void do_dup2(struct act *act) { say_result(act, os_dup2((long)act->step->arg[0], (long)act->step->arg[1]), 0); }

void do_lseek(struct act *act)
{
	say_result(act, os_lseek((long)act->step->arg[0], (long)act->step->arg[1], FROM_START), 0);
}

void do_tell(struct act *act) { say_result(act, os_lseek((long)act->step->arg[0], 0, FROM_HERE), 0); }

void do_pipe(struct act *act)
{
	int end[2] = {-1, -1};
	long error = CALL(pipe2, end, 0);
	for (int i = 0; i < 2 && error >= 0; i++) {
		error = os_dup2(end[i], (long)act->step->arg[i]);
		CALL(close, end[i]);
	}
	say_result(act, error, "ok");
}

void do_chdir(struct act *act) { say_result(act, CALL(chdir, act->step->path), "ok"); }

void do_getcwd(struct act *act)
{
	char path[PATH_SIZE] = {0};
	long error = os_getcwd(path, sizeof path - 1);
	say_result(act, error, path);
}

void do_umask(struct act *act)
{
	long before = CALL(umask, act->step->arg[0]);
	put(&act->said, before ? "0" : "");
	put_number(&act->said, (u64)before, 8);
}

/* Not F_SETFD, which sets all flags of a descriptor at once. */
void do_cloexec(struct act *act) { say_result(act, CALL(ioctl, act->step->arg[0], FIOCLEX), "ok"); }

#ifdef __NetBSD__
void do_clofork(struct act *act) { say_result(act, CALL(fcntl, act->step->arg[0], F_SETFD, FD_CLOFORK), "ok"); }

static struct aiocb request; /* the last one of this memory */

/* A byte, asynchronously, until it is there. */
void do_aio_read(struct act *act)
{
	static char byte;
	long error;
	memset(&request, 0, sizeof request);
	request.aio_fildes = (int)act->step->arg[0];
	request.aio_buf = &byte;
	request.aio_nbytes = 1;
	request.aio_sigevent.sigev_notify = SIGEV_NONE;
	if ((error = CALL(aio_read, &request)) >= 0)
		while ((error = CALL(aio_error, &request)) == EINPROGRESS)
			os_nap(1000);
	say_result(act, error > 0 ? -error : error, "ok");
}

void do_aio_error(struct act *act) { say_result(act, CALL(aio_error, &request), 0); }
#endif

#ifdef __NetBSD__
#include <sys/fcntl.h>

/* The name is taken back at once, so that each call makes a queue of its own. */
void do_mq_open(struct act *act)
{
	static const char name[] = "/forkoracle";
	long wanted = (long)act->step->arg[0], fd = CALL(mq_open, name, O_CREAT | O_RDWR, 0600, 0);
	CALL(mq_unlink, name);
	if (fd >= 0 && fd != wanted) {
		long moved = os_dup2(fd, wanted);
		CALL(close, fd);
		fd = moved;
	}
	say_result(act, fd, 0);
}

void do_mq_open_max(struct act *act) { say_result(act, set_knob(MQ_MAX, (long)act->step->arg[0]), "ok"); }
#endif
