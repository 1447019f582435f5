// SPDX-License-Identifier: GPL-2.0-only
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arena.h"
#include "random.h"

#define PAGES_AT_ONCE	8
#define GONE_US		200
#define PAUSE_US	20000

#define ARENA_MODE	(PROT_READ | PROT_WRITE)

struct shaker {
	const struct arena *arena;
	struct random random;
};

static void shake_protection(const struct arena *arena, unsigned char *at, size_t n,
			     unsigned int us)
{
	(void)arena;
	mprotect(at, n, PROT_NONE);
	usleep(us);
	mprotect(at, n, ARENA_MODE);
}

static void shake_write_protection(const struct arena *arena, unsigned char *at, size_t n,
				   unsigned int us)
{
	(void)arena;
	mprotect(at, n, PROT_READ);
	usleep(us);
	mprotect(at, n, ARENA_MODE);
}

static void shake_mapping(const struct arena *arena, unsigned char *at, size_t n, unsigned int us)
{
	munmap(at, n);
	usleep(us);
	mmap(at, n, ARENA_MODE, MAP_SHARED | MAP_FIXED, arena->fd, at - arena->shaky);
}

/* They come back at the next access: a fault that is served, not one that fails. */
static void shake_pages(const struct arena *arena, unsigned char *at, size_t n, unsigned int us)
{
	(void)arena;
	(void)us;
	madvise(at, n, MADV_DONTNEED);
}

typedef void shake(const struct arena *, unsigned char *, size_t, unsigned int);

static shake *const shakes[] = {
	shake_pages, shake_pages, shake_protection, shake_write_protection, shake_mapping,
};

static void *shake_for_ever(void *argument)
{
	struct shaker *shaker = argument;
	struct random *r = &shaker->random;
	size_t page = sysconf(_SC_PAGESIZE);

	for (;;) {
		size_t n = page * (1 + random_below(r, PAGES_AT_ONCE));
		size_t at = page * random_below(r, (ARENA_SIZE - n) / page + 1);
		shake *shake = shakes[random_below(r, sizeof(shakes) / sizeof(*shakes))];

		shake(shaker->arena, shaker->arena->shaky + at, n, random_below(r, GONE_US));
		usleep(random_below(r, PAUSE_US));
	}
	return NULL;
}

/* Signals are for the thread that makes the calls. */
static bool shaker_start(struct shaker *shaker)
{
	sigset_t all, old;
	pthread_t thread;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(&thread, NULL, shake_for_ever, shaker);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return !error;
}

static unsigned char *arena_map(int fd)
{
	return mmap(NULL, ARENA_SIZE, ARENA_MODE, MAP_SHARED, fd, 0);
}

bool arena_open(struct arena *arena, uint64_t seed)
{
	static struct shaker shaker;

	arena->fd = memfd_create("arena", MFD_CLOEXEC);
	if (arena->fd < 0 || ftruncate(arena->fd, ARENA_SIZE))
		return false;
	arena->firm = arena_map(arena->fd);
	arena->shaky = arena_map(arena->fd);
	shaker = (struct shaker){ .arena = arena, .random.state = seed };
	return arena->firm != MAP_FAILED && arena->shaky != MAP_FAILED && shaker_start(&shaker);
}
