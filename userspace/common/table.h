/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tables, with libsmartcols: a first column of names, and columns of numbers. Running out of
 * memory ends the program.
 */
#ifndef BBUF_COMMON_TABLE_H
#define BBUF_COMMON_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <libsmartcols/libsmartcols.h>

/**
 * struct table_column - name of a column
 * @heading: heading in a table
 * @json: key in JSON, if the table can be printed as JSON
 */
struct table_column {
	const char *heading;
	const char *json;
};

struct libscols_table *table_new(const struct table_column *columns, size_t count,
				 const char *json_name);
struct libscols_line *table_row(struct libscols_table *table);
__attribute__((format(printf, 3, 4)))
void table_cell(struct libscols_line *row, size_t column, const char *fmt, ...);
void table_count(struct libscols_line *row, size_t column, uint64_t count);
void table_print(struct libscols_table *table, FILE *out);

#endif /* BBUF_COMMON_TABLE_H */
