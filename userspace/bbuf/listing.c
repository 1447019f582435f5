// SPDX-License-Identifier: GPL-2.0-only
/*
 * A list of queues, laid out with libsmartcols. See listing.h.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/alloc.h"
#include "common/table.h"
#include "common/units.h"
#include "field.h"
#include "listing.h"
#include "number.h"

/**
 * struct listing - a list of queues
 * @table: the table
 * @shown: fields that have a column, in the order of the columns
 * @width: number of columns
 * @json: print JSON
 */
struct listing {
	struct libscols_table *table;
	const struct field **shown;
	size_t width;
	bool json;
};

/* A number that may not be read is null in JSON, which an empty cell becomes. */
static void show_number(struct libscols_line *row, size_t column, const struct field *field,
			const struct bbuf_info *info, bool json)
{
	uint64_t number = field_number(field, info);
	char text[TEXT_MAX];

	if (json && !is_known(number))
		return;
	if (field->kind == FIELD_SIZE && !json && is_known(number))
		table_cell(row, column, "%s", format_size(text, number));
	else
		table_cell(row, column, "%s", format_number(text, number));
}

static void show_queue(const struct listing *listing, const struct bbuf_info *info)
{
	struct libscols_line *row = table_row(listing->table);
	const char *text;
	size_t i;

	for (i = 0; i < listing->width; i++) {
		text = field_text(listing->shown[i], info);
		if (text)
			table_cell(row, i, "%s", text);
		else
			show_number(row, i, listing->shown[i], info, listing->json);
	}
}

/* Set the type of a column where it differs from the default of table_new(). */
static void set_kind(struct libscols_table *table, size_t column, enum field_kind kind)
{
	struct libscols_column *col = scols_table_get_column(table, column);

	switch (kind) {
	case FIELD_TEXT:
	case FIELD_TYPE:
	case FIELD_STATE:
		scols_column_set_flags(col, 0);
		scols_column_set_json_type(col, SCOLS_JSON_STRING);
		break;
	case FIELD_EOF_ON_CLOSE:
	case FIELD_DROP_OLDEST:
	case FIELD_LEASE:
		scols_column_set_json_type(col, SCOLS_JSON_BOOLEAN);
		break;
	default:
		break;
	}
}

static bool any_leases(const struct bbuf_info *list, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (list[i].policy & BBUF_LEASE)
			return true;
	return false;
}

/* Whether a field has a column in the table for people. */
static bool has_column(const struct field *field, bool leases)
{
	return field->heading && (leases || strcmp(field->heading, FIELD_LEASED_HEADING));
}

/* JSON has all fields. */
static void choose_fields(struct listing *listing, bool leases)
{
	size_t i;

	for (i = 0; i < field_count; i++)
		if (listing->json || has_column(&fields[i], leases))
			listing->shown[listing->width++] = &fields[i];
}

static void create_table(struct listing *listing)
{
	struct table_column *columns = xcalloc(listing->width, sizeof(*columns));
	size_t i;

	for (i = 0; i < listing->width; i++)
		columns[i] = (struct table_column){
			listing->shown[i]->heading, listing->shown[i]->key,
		};
	listing->table = table_new(columns, listing->width, listing->json ? "queues" : NULL);
	for (i = 0; i < listing->width; i++)
		set_kind(listing->table, i, listing->shown[i]->kind);
	free(columns);
}

void listing_print(const struct bbuf_info *list, size_t count, bool json)
{
	struct listing listing = { .json = json };
	size_t i;

	listing.shown = xcalloc(field_count, sizeof(*listing.shown));
	choose_fields(&listing, any_leases(list, count));
	create_table(&listing);
	for (i = 0; i < count; i++)
		show_queue(&listing, &list[i]);
	table_print(listing.table, stdout);
	free(listing.shown);
}
