/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Helpers for all tests of bbuf: the module and its queue, bytes that can be told apart, and tasks
 * that make one call and can be watched while they sleep in it.
 */
#ifndef BBUF_SELFTEST_COMMON_H
#define BBUF_SELFTEST_COMMON_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#define BBUF_DEVICE		"/dev/bbuf"
#define BBUF_PARAMETERS		"/sys/module/bbuf/parameters/"
#define DEFAULT_CAPACITY	65536
#define ATOMIC_MAX		4096	/* an O_NONBLOCK write up to this is all or nothing */

/*
 * The system calls in which poll(), epoll_wait() and pause() of the C library sleep where the
 * kernel has none of these names, as on arm64.
 */
#ifndef SYS_poll
#define SYS_poll		SYS_ppoll
#endif
#ifndef SYS_epoll_wait
#define SYS_epoll_wait		SYS_epoll_pwait
#endif
#ifndef SYS_pause
#define SYS_pause		SYS_ppoll
#endif

/*
 * Time that a test waits for an event before it fails: longer than any event takes on a busy
 * machine whose kernel has all checks enabled. A wait of this length always ends in a failure.
 */
#define DEADLINE_MS		30000
#define POLL_US			200

/* Variables shared by tasks and threads */
#define load(variable)		__atomic_load_n(&(variable), __ATOMIC_ACQUIRE)
#define store(variable, value)	__atomic_store_n(&(variable), value, __ATOMIC_RELEASE)

long now_ms(void);
void pause_ms(long ms);

#define eventually(condition) ({					\
	long __end = now_ms() + DEADLINE_MS;				\
	bool __met;							\
									\
	while (!(__met = (condition)) && now_ms() < __end)		\
		usleep(POLL_US);					\
	__met;								\
})

/* The module. Each returns 0 or -errno. */
int module_load(const char *parameters);
int module_unload(void);
int module_reload(size_t capacity);

/* Skips the whole program if there is no module to test, restores the default at its end. */
void module_require(void);

/*
 * Prepare the queue for a test: with that capacity, open in no other process, empty. Open it twice
 * for reading and writing, once blocking and once O_NONBLOCK.
 */
int device_open(size_t capacity, int *fd, int *nb);
int device_reopen(size_t capacity, int *fd, int *nb);

/* Bytes queued, or -1. */
int queued(int fd);

/* The endless test pattern: no two pages of it are the same. */
unsigned char pattern(size_t position);
void pattern_fill(void *buf, size_t position, size_t n);
bool pattern_matches(const void *buf, size_t position, size_t n);

/* One write of the pattern's bytes from position on. */
ssize_t put(int fd, size_t position, size_t n);
/* Reads until it has n bytes, whatever the pieces they come in. */
bool read_exactly(int fd, void *buf, size_t n);
/* The same: true if all came and are the pattern's from position on. */
bool take(int fd, size_t position, size_t n);
/* One write of n bytes; reads of n bytes that are thrown away. */
bool fill(int fd, size_t n);
bool discard(int fd, size_t n);

/*
 * A task: a child process that makes one call, fn(), and leaves the result. It dies with
 * the test. SIGUSR1 is caught and counted; restart says whether with SA_RESTART. Or it is a
 * thread, which holds no files open when the test closes them: that is neither signalled nor
 * killed, and the struct stays where it is.
 */
struct task_result {
	bool done;
	long value;		/* what fn() returned, or -errno */
	int signals;
	unsigned char data[];	/* len bytes for fn() to work on */
};

struct task {
	long (*fn)(struct task *t);
	int fd;			/* first argument of the call it sleeps in, -1: any */
	long nr;		/* number of the system call it sleeps in */
	size_t len;
	size_t position;	/* position in the pattern, for writers */
	bool restart;
	bool stalls;		/* the sleep is that for a page, which no signal disturbs */
	bool is_thread;
	long arg[2];		/* whatever else fn() needs */

	pid_t pid;
	unsigned long switches;	/* voluntary context switches when last seen asleep */
	struct task_result *result;
};

int task_start(struct task *t);
struct task task_reader(int fd, size_t n);
struct task task_writer(int fd, size_t position, size_t n);

/* Waits until the task sleeps in its system call; starts counting its wakeups. */
bool task_sleeps(struct task *t);
/* task_start() and task_sleeps() */
bool task_blocks(struct task *t);
/* Still in the same sleep: nothing has woken it since task_sleeps(). */
bool task_undisturbed(struct task *t);
/* How often it went back to sleep since task_sleeps(). */
unsigned long task_wakeups(struct task *t);
/* Waits until fn() has returned and the task is gone: its value, or -ETIME if it never comes. */
long task_wait(struct task *t);
bool task_done(const struct task *t);
/* Sends SIGUSR1 and waits until it was caught. */
bool task_signal(struct task *t);
/* kill -9, and waits until it is gone */
void task_kill(struct task *t);

/* From now on SIGIO, blocked, reports events on fd. Was it sent since the last time? */
bool sigio_on(int fd);
bool sigio_sent(void);

/* An epoll set with one file in it, or -1. */
int epoll_on(int fd, unsigned int events);
/* The events that it reports without waiting, 0 if none. */
unsigned int epoll_now(int epoll);
/* Sleeps in it; its value is what came. */
struct task task_epoller(int epoll);

/* A buffer whose first n bytes are the pattern's and whose next byte faults. */
unsigned char *cliff(size_t n, size_t position);

/* A line of a file in /proc or /sys that starts with key, without it: true if found. */
bool proc_field(const char *path, const char *key, char *value, size_t size);
/* Writes text to a file: 0 or -errno. */
int file_put(const char *path, const char *text);
/* A number from a file, or -1. */
long file_number(const char *path);

/* Adds a line to the kernel's log: its number there, or -1. */
long log_sequence(void);

#endif /* BBUF_SELFTEST_COMMON_H */
