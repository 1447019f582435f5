// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "ring.h"

static unsigned int *ring_field(struct ring *ring, unsigned int offset)
{
	return (unsigned int *)(ring->queues + offset);
}

int ring_open(struct ring *ring)
{
	struct io_uring_params *p = &ring->params;
	size_t sq, cq;

	memset(ring, 0, sizeof(*ring));
	ring->fd = syscall(SYS_io_uring_setup, RING_ENTRIES, p);
	if (ring->fd < 0)
		return -errno;
	if (!(p->features & IORING_FEAT_SINGLE_MMAP))
		return -EOPNOTSUPP;
	sq = p->sq_off.array + p->sq_entries * sizeof(unsigned int);
	cq = p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe);
	ring->size = sq > cq ? sq : cq;
	ring->queues = mmap(NULL, ring->size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_POPULATE, ring->fd, IORING_OFF_SQ_RING);
	ring->sqes = mmap(NULL, p->sq_entries * sizeof(*ring->sqes), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_POPULATE, ring->fd, IORING_OFF_SQES);
	return ring->queues == MAP_FAILED || ring->sqes == MAP_FAILED ? -errno : 0;
}

void ring_close(struct ring *ring)
{
	munmap(ring->queues, ring->size);
	munmap(ring->sqes, ring->params.sq_entries * sizeof(*ring->sqes));
	close(ring->fd);
}

void ring_add(struct ring *ring, struct io_uring_sqe request)
{
	unsigned int *tail = ring_field(ring, ring->params.sq_off.tail);
	unsigned int slot = *tail & *ring_field(ring, ring->params.sq_off.ring_mask);

	ring->sqes[slot] = request;
	ring_field(ring, ring->params.sq_off.array)[slot] = slot;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
}

int ring_enter(struct ring *ring, unsigned int count)
{
	return syscall(SYS_io_uring_enter, ring->fd, count, 0, 0, NULL, 0);
}

int ring_submit(struct ring *ring, struct io_uring_sqe request)
{
	ring_add(ring, request);
	return ring_enter(ring, 1);
}

bool ring_peek(struct ring *ring, struct io_uring_cqe *completion)
{
	unsigned int *head = ring_field(ring, ring->params.cq_off.head);
	unsigned int *tail = ring_field(ring, ring->params.cq_off.tail);
	unsigned int mask = *ring_field(ring, ring->params.cq_off.ring_mask);
	struct io_uring_cqe *cqes = (void *)(ring->queues + ring->params.cq_off.cqes);

	syscall(SYS_io_uring_enter, ring->fd, 0, 0, IORING_ENTER_GETEVENTS, NULL, 0);
	if (*head == __atomic_load_n(tail, __ATOMIC_ACQUIRE))
		return false;
	*completion = cqes[*head & mask];
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return true;
}

int ring_wait(struct ring *ring)
{
	struct io_uring_cqe completion;

	return eventually(ring_peek(ring, &completion)) ? completion.res : -ETIME;
}

int ring_wait_for(struct ring *ring, const void *buf)
{
	struct io_uring_cqe completion;

	while (eventually(ring_peek(ring, &completion)))
		if (completion.user_data == (unsigned long)buf)
			return completion.res;
	return -ETIME;
}

bool ring_idle(struct ring *ring)
{
	struct io_uring_cqe completion;
	int i;

	for (i = 0; i < 3; i++) {
		if (ring_peek(ring, &completion))
			return false;
		pause_ms(1);
	}
	return true;
}

struct io_uring_sqe request(int opcode, int fd, void *buf, size_t n)
{
	return (struct io_uring_sqe){
		.opcode = opcode, .fd = fd, .addr = (unsigned long)buf, .len = n,
		.off = -1, .user_data = (unsigned long)buf,
	};
}
