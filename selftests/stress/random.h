/* SPDX-License-Identifier: GPL-2.0-only */
/* Decisions that follow from a seed, and from nothing else. */
#ifndef BBUF_STRESS_RANDOM_H
#define BBUF_STRESS_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct random {
	uint64_t state;
};

/* Spreads the bits of a number over all of them (the last step of splitmix64). */
static inline uint64_t random_mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

/* A seed of its own for each part of something that has a seed. */
static inline uint64_t random_seed(uint64_t seed, uint64_t part)
{
	return random_mix(random_mix(seed) + part);
}

static inline uint64_t random_next(struct random *r)
{
	r->state += 0x9e3779b97f4a7c15ULL;
	return random_mix(r->state);
}

/* 0 to n - 1 */
static inline unsigned long random_below(struct random *r, unsigned long n)
{
	return random_next(r) % n;
}

static inline bool random_one_in(struct random *r, unsigned long n)
{
	return random_below(r, n) == 0;
}

/* 1 to n, and each order of magnitude as likely as another. */
static inline size_t random_size(struct random *r, size_t n)
{
	unsigned int bits = 64 - __builtin_clzl(n);

	return 1 + random_below(r, 1UL << random_below(r, bits + 1)) % n;
}

#endif /* BBUF_STRESS_RANDOM_H */
