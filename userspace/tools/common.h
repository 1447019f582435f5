/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Declarations shared by all tools: exit codes, parsing and printing of sizes and times, the
 * device, and the clock.
 */
#ifndef BBUF_TOOLS_COMMON_H
#define BBUF_TOOLS_COMMON_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEFAULT_DEVICE	"/dev/bbuf"

#define NSEC_PER_SEC	1000000000ULL
#define NSEC_PER_MSEC	1000000ULL
#define NSEC_PER_USEC	1000ULL

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)	((a) < (b) ? (a) : (b))
#define MAX(a, b)	((a) > (b) ? (a) : (b))

/* Exit codes in addition to EXIT_SUCCESS and EXIT_FAILURE. */
#define EXIT_USAGE	2
#define EXIT_BAD_DATA	3

/* Size of the text of one number; larger than any of the formats below needs. */
#define TEXT_MAX	32

/* Last lines of each --help. */
#define HELP_SIZES	"Sizes take K, M or G (powers of 1024), times ns, us, ms, s or min."
#define HELP_EXIT	"Exit status: 0 success, 1 failure, 2 wrong usage"

uint64_t now_ns(void);
void sleep_until(uint64_t deadline_ns);

/* For argp parsers: the value of @arg, or a usage error. */
uint64_t arg_size(struct argp_state *state, const char *what, const char *arg);
uint64_t arg_count(struct argp_state *state, const char *what, const char *arg);
uint64_t arg_time(struct argp_state *state, const char *what, const char *arg);

bool parse_size(const char *text, uint64_t *bytes);

const char *format_size(char text[TEXT_MAX], uint64_t bytes);
const char *format_time(char text[TEXT_MAX], uint64_t ns);

void *xcalloc(size_t n, size_t size);
void *xrealloc(void *mem, size_t n, size_t size);

int output_end(void);

int device_open(const char *path, int flags);
uint64_t device_capacity(int fd);
uint64_t device_fill(int fd, const char *path);
uint64_t device_require_empty(int fd, const char *path);

#endif /* BBUF_TOOLS_COMMON_H */
