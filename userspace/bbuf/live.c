// SPDX-License-Identifier: GPL-2.0-only
/*
 * Live screen of bbuf top, with ncurses.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curses.h>

#include "common/clock.h"
#include "common/macros.h"
#include "common/screen.h"
#include "live.h"
#include "message.h"

/* Lines above and below the list of queues. */
#define HEADER_LINES	3
#define FOOTER_LINES	1

enum pair {
	PAIR_GREEN = 1,
	PAIR_YELLOW,
	PAIR_RED,
};

/**
 * struct live - state of the screen
 * @top: options of the command
 * @before: previous snapshot
 * @now: current snapshot
 * @first: index of the first queue shown, when scrolled
 * @quit: the user has asked to quit
 */
struct live {
	struct top *top;
	struct snapshot before;
	struct snapshot now;
	size_t first;
	bool quit;
};

static void set_colours(void)
{
	if (!has_colors())
		return;
	start_color();
	use_default_colors();
	init_pair(PAIR_GREEN, COLOR_GREEN, -1);
	init_pair(PAIR_YELLOW, COLOR_YELLOW, -1);
	init_pair(PAIR_RED, COLOR_RED, -1);
}

/* Returns NULL if there is no terminal, or its cursor cannot be moved. */
static SCREEN *live_open(void)
{
	SCREEN *terminal;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return NULL;
	terminal = newterm(NULL, stdout, stdin);
	if (!terminal)
		return NULL;
	if (!tigetstr("cup")) {
		endwin();
		delscreen(terminal);
		return NULL;
	}
	cbreak();
	noecho();
	curs_set(0);
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_colours();
	return terminal;
}

/* Number of queues that fit on the screen. */
static size_t live_room(void)
{
	return MAX(LINES - HEADER_LINES - FOOTER_LINES, 1);
}

static enum pair fill_pair(double fill)
{
	return fill >= 1 ? PAIR_RED : fill >= 0.5 ? PAIR_YELLOW : PAIR_GREEN;
}

/* Draw the bar into a string first: ncurses must print it. */
static void add_bar(const struct screen *screen, double fill, unsigned int cells)
{
	struct screen text = { .utf8 = screen->utf8 };
	char *bar;
	size_t len;

	text.out = open_memstream(&bar, &len);
	if (!text.out)
		return;
	screen_bar(&text, fill, cells);
	fclose(text.out);
	if (screen->colour && has_colors())
		attron(COLOR_PAIR(fill_pair(fill)));
	addstr(bar);
	attroff(COLOR_PAIR(fill_pair(fill)));
	free(bar);
}

static void draw_queues(const struct live *live, const struct screen *screen,
			const struct rate *rates)
{
	unsigned int cells = screen_bar_cells(screen, TOP_NAME + TOP_FIGURES + TOP_BLANKS);
	char groups[TOP_LINE_MAX], text[TOP_LINE_MAX];
	size_t i;

	top_headings(groups, text, screen->utf8 ? cells : cells + strlen("[]"));
	mvaddnstr(HEADER_LINES - 2, 0, groups, COLS);
	attron(A_REVERSE);
	mvprintw(HEADER_LINES - 1, 0, "%-*.*s", COLS, COLS, text);
	attroff(A_REVERSE);
	for (i = 0; i < live_room() && live->first + i < live->now.count; i++) {
		const struct rate *rate = &rates[live->first + i];

		top_name(text, rate);
		mvprintw(HEADER_LINES + i, 0, "%s ", text);
		add_bar(screen, MAX(rate->fill, 0), cells);
		top_figures(text, rate);
		printw(" %s", text);
	}
}

static void draw(const struct live *live)
{
	struct rate *rates = rates_new(&live->before, &live->now);
	char text[TOP_LINE_MAX];
	struct screen screen;

	screen_init(&screen, stdout);
	screen.width = COLS;
	rates_sort(rates, live->now.count, live->top->order, live->top->reverse);
	erase();
	top_summary(text, &live->now);
	attron(A_BOLD);
	mvaddnstr(0, 0, text, COLS);
	attroff(A_BOLD);
	draw_queues(live, &screen, rates);
	mvaddnstr(LINES - 1, 0, "q quit; sort by n name, f fill, i in, o out, w waiting, s slept; "
		  "r reverse; arrows scroll", COLS);
	refresh();
	free(rates);
}

static void scroll_to(struct live *live, ssize_t first)
{
	ssize_t last = (ssize_t)live->now.count - (ssize_t)live_room();

	live->first = MAX(MIN(first, last), 0);
}

/* Change the sort order. Returns whether the key is one for that. */
static bool press_sort(struct live *live, int key)
{
	static const struct {
		int key;
		enum rate_order order;
	} keys[] = {
		{ 'n', ORDER_NAME }, { 'f', ORDER_FILL }, { 'i', ORDER_IN },
		{ 'o', ORDER_OUT }, { 'w', ORDER_WAITING }, { 's', ORDER_SLEPT },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		if (keys[i].key != key)
			continue;
		live->top->order = keys[i].order;
		live->first = 0;
		return true;
	}
	return false;
}

static void press_scroll(struct live *live, int key)
{
	ssize_t room = live_room();
	const struct {
		int key;
		ssize_t lines;
	} keys[] = {
		{ KEY_UP, -1 }, { KEY_DOWN, 1 }, { KEY_PPAGE, -room }, { KEY_NPAGE, room },
		{ KEY_HOME, -(ssize_t)live->now.count }, { KEY_END, live->now.count },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i].key == key)
			scroll_to(live, live->first + keys[i].lines);
}

static void press(struct live *live, int key)
{
	if (key == 'q')
		live->quit = true;
	else if (key == 'r')
		live->top->reverse = !live->top->reverse;
	else if (!press_sort(live, key))
		press_scroll(live, key);
}

/* Handle keys, and changes of the terminal size, which ncurses reports as a key. */
static void handle_keys(struct live *live)
{
	bool any = false;
	int key;

	while ((key = getch()) != ERR) {
		press(live, key);
		any = true;
	}
	if (any && !live->quit) {
		scroll_to(live, live->first);
		draw(live);
	}
}

/*
 * Wait until the next refresh is due, but handle pending keys even if it is due already. Quit if
 * the terminal is gone.
 */
static void live_wait(struct live *live, uint64_t due)
{
	struct pollfd keys = { .fd = STDIN_FILENO, .events = POLLIN };
	uint64_t now = now_ns();

	do {
		poll(&keys, 1, now < due ? (due - now + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC : 0);
		if (keys.revents & (POLLHUP | POLLERR | POLLNVAL))
			live->quit = true;
		else
			handle_keys(live);
		now = now_ns();
	} while (!live->quit && now < due);
}

/* Take another snapshot and draw it. Returns 0, or -1 and errno. */
static int live_refresh(struct live *live)
{
	struct snapshot snapshot;

	if (snapshot_take(&snapshot))
		return -1;
	snapshot_free(&live->before);
	live->before = live->now;
	live->now = snapshot;
	scroll_to(live, live->first);
	draw(live);
	return 0;
}

static int live_watch(struct live *live)
{
	uint64_t due = now_ns(), done = 0;

	for (;;) {
		if (live_refresh(live))
			return errno;
		if (live->top->count && done++ == live->top->count)
			return 0;
		due = MAX(due + live->top->interval_ns, now_ns());
		live_wait(live, due);
		if (live->quit)
			return 0;
	}
}

/* Returns false if there is no suitable terminal; otherwise *status is the exit code. */
bool live_run(struct top *top, int *status)
{
	SCREEN *terminal = live_open();
	struct live live = { .top = top };
	int error;

	if (!terminal)
		return false;
	error = live_watch(&live);
	endwin();
	delscreen(terminal);
	snapshot_free(&live.before);
	snapshot_free(&live.now);
	*status = error ? fail(&top->subject, error) : EXIT_SUCCESS;
	return true;
}
