/* SPDX-License-Identifier: Apache-2.0 */
#include "base/database_register.h"

#include "base/hash.h"
#include "base/random.h"
#include "busbar-error.h"
#include <stdlib.h>
#include <string.h>

enum { ROWS = 4096, OCTETS = 256, KEY = 64 };

/* A run, as in a record. */
struct run {
	uint16_t size;
	uint8_t octets[OCTETS];
};

struct registers {
	struct hash *rows; /* statement and key values, padded with zeros -> struct run */
	size_t count;
	struct run runs[ROWS];
};

struct registers *registers_create(void)
{
	struct registers *registers = calloc(1, sizeof(*registers));
	uint64_t seed;

	if (registers == NULL || random_system(&seed, sizeof(seed)) < 0)
		return registers_free(registers);
	registers->rows = hash_create(KEY, ROWS, seed);
	return registers->rows == NULL ? registers_free(registers) : registers;
}

struct registers *registers_free(struct registers *registers)
{
	if (registers != NULL)
		(void)hash_free(registers->rows);
	free(registers);
	return NULL;
}

int registers_put(struct registers *registers, const struct database_item *item, size_t keys)
{
	uint8_t key[KEY] = {0};
	struct writer writer = writer_open(key, sizeof(key));
	struct run *run = &registers->runs[registers->count], *earlier;

	database_record_run(&writer, item->number, item->values + item->count - keys, keys);
	if (writer.error < 0)
		return writer.error;
	earlier = hash_get(registers->rows, key);
	if (earlier == NULL && registers->count == ROWS)
		return BUSBAR_ERROR_TABLE_FULL;
	if (earlier != NULL)
		run = earlier;
	writer = writer_open(run->octets, sizeof(run->octets));
	database_record_run(&writer, item->number, item->values, item->count);
	run->size = (uint16_t)writer_size(&writer);
	if (writer.error < 0 || earlier != NULL)
		return writer.error;
	registers->count++;
	return hash_put(registers->rows, key, run);
}

bool registers_at(const struct registers *registers, size_t index, struct database_item *ret_item)
{
	struct cursor cursor;

	if (index >= registers->count)
		return false;
	cursor = cursor_open(registers->runs[index].octets, registers->runs[index].size);
	return database_record_next(&cursor, ret_item) > 0;
}

void registers_clear(struct registers *registers)
{
	hash_clear(registers->rows);
	registers->count = 0;
}
