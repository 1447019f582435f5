/* SPDX-License-Identifier: GPL-2.0-only */
/* A process that does at random what can be done with the queues. */
#ifndef BBUF_STRESS_ACTOR_H
#define BBUF_STRESS_ACTOR_H

#include <stdbool.h>
#include <stdint.h>

#define QUEUES		4
#define QUEUE_NAME	"stress-%u"
#define QUEUE_NAME_SIZE	24
#define CAPACITY_MAX	65536

/**
 * struct tally - what all actors have done
 * @stop: they are to end
 * @pause: they are to do nothing more just now
 * @queues: how many queues there are
 * @steps: decisions carried out
 * @in: bytes written
 * @out: bytes read
 */
struct tally {
	bool stop;
	bool pause;
	unsigned int queues;
	uint64_t steps;
	uint64_t in;
	uint64_t out;
};

/**
 * struct hand - what an actor leaves behind when it is killed
 * @book: of the queue that it reads from; -1: none
 * @bytes: that it has asked for, or has and not yet noted
 */
struct hand {
	int book;
	uint64_t bytes;
};

/* Acts until tally->stop. The seed decides what it does, and the order. */
void __attribute__((noreturn)) act(unsigned int writer, uint64_t seed, struct tally *tally,
				   struct hand *hand);

#endif /* BBUF_STRESS_ACTOR_H */
