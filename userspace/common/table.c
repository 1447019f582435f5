// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tables. See table.h.
 */
#include <err.h>
#include <stdarg.h>
#include <stdlib.h>

#include "alloc.h"
#include "table.h"

static _Noreturn void no_memory(void)
{
	errx(EXIT_FAILURE, "not enough memory for a table");
}

/* With @json_name the table is printed as JSON. All columns but the first hold numbers. */
struct libscols_table *table_new(const struct table_column *columns, size_t count,
				 const char *json_name)
{
	struct libscols_table *table = scols_new_table();
	struct libscols_column *column;
	const char *name;
	size_t i;

	if (!table)
		no_memory();
	scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER);
	scols_table_enable_json(table, !!json_name);
	if (json_name && scols_table_set_name(table, json_name))
		no_memory();
	for (i = 0; i < count; i++) {
		name = json_name ? columns[i].json : columns[i].heading;
		column = scols_table_new_column(table, name, 0, i ? SCOLS_FL_RIGHT : 0);
		if (!column)
			no_memory();
		if (i)
			scols_column_set_json_type(column, SCOLS_JSON_NUMBER);
	}
	return table;
}

struct libscols_line *table_row(struct libscols_table *table)
{
	struct libscols_line *row = scols_table_new_line(table, NULL);

	if (!row)
		no_memory();
	return row;
}

void table_cell(struct libscols_line *row, size_t column, const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	text = xvasprintf(fmt, args);
	va_end(args);
	if (scols_line_refer_data(row, column, text))
		no_memory();
}

void table_count(struct libscols_line *row, size_t column, uint64_t count)
{
	table_cell(row, column, "%llu", (unsigned long long)count);
}

/* Print the table by one call, so that the output of two processes is not mixed, and free it. */
void table_print(struct libscols_table *table, FILE *out)
{
	char *text;

	if (scols_print_table_to_string(table, &text))
		no_memory();
	fprintf(out, "%s%s", text, scols_table_is_json(table) ? "" : "\n");
	free(text);
	scols_unref_table(table);
}
