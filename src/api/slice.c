/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents and outputs in slices. A document is rendered once for each reader (a tenant's key at an address
 * and port), kept for a while and read in slices, so that slices fit together.
 */
#include "api/front_internal.h"
#include "base/error.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIFETIME (20 * CLOCK_SECOND)

static void drop(struct kept *kept)
{
	free(kept->text);
	*kept = (struct kept){0};
}

void slice_drop_all(struct front *front)
{
	for (size_t i = 0; i < FRONT_DOCUMENTS; i++)
		drop(&front->kept[i]);
}

static bool is_reader(const struct kept *kept, const struct request *request)
{
	return kept->key == request->tenant->key && kept->reader.sin6_port == request->sender.sin6_port &&
	       memcmp(&kept->reader.sin6_addr, &request->sender.sin6_addr, sizeof(struct in6_addr)) == 0;
}

static struct kept *find(struct front *front, const struct request *request, enum datagram_document document,
                         const struct identifier *about)
{
	int64_t now = front_wall(front);

	for (size_t i = 0; i < FRONT_DOCUMENTS; i++) {
		struct kept *kept = &front->kept[i];

		if (kept->text != NULL && now - kept->since > LIFETIME)
			drop(kept);
		if (kept->text != NULL && kept->document == document &&
		    identifier_equal(&kept->about, about) && is_reader(kept, request))
			return kept;
	}
	return NULL;
}

/* Takes over `text`. The oldest document makes room. */
static struct kept *keep(struct front *front, const struct request *request, enum datagram_document document,
                         const struct identifier *about, char *text)
{
	struct kept *place = find(front, request, document, about);

	for (size_t i = 0; place == NULL && i < FRONT_DOCUMENTS; i++)
		if (front->kept[i].text == NULL)
			place = &front->kept[i];
	if (place == NULL) {
		place = &front->kept[0];
		for (size_t i = 1; i < FRONT_DOCUMENTS; i++)
			if (front->kept[i].since < place->since)
				place = &front->kept[i];
	}
	drop(place);
	*place = (struct kept){.key = request->tenant->key,
	                       .reader = request->sender,
	                       .request = request->datagram.identifier,
	                       .document = document,
	                       .about = *about,
	                       .text = text,
	                       .size = strlen(text),
	                       .since = front_wall(front)};
	return place;
}

static void reply_slice(struct front *front, const struct request *request, const uint8_t *bytes,
                        uint64_t total, uint64_t offset, size_t size)
{
	struct datagram reply = {.type = DATAGRAM_SLICE_OF};

	reply.slice.total = total;
	reply.slice.offset = offset;
	reply.slice.size = (uint32_t)size;
	memcpy(reply.slice.bytes, bytes, size);
	reply_send(front, request, &reply);
}

static void reply_kept(struct front *front, const struct request *request, const struct kept *kept,
                       uint64_t offset)
{
	size_t size;

	if (offset > kept->size) {
		reply_error(front, request, BUSBAR_ERROR_BAD_VALUE);
		return;
	}
	size = MINIMUM(kept->size - (size_t)offset, (size_t)DATAGRAM_SLICE);
	reply_slice(front, request, (const uint8_t *)kept->text + offset, kept->size, offset, size);
}

static int render_quote(struct front *front, struct request *request, char **ret_text)
{
	const struct document_source *source = front->settings.source;
	struct task_request task = serve_task_request(front, request);
	struct plan plan;
	char *text = request->quote;
	int code = source->tasks == NULL ? BUSBAR_ERROR_NOT_SUPPORTED : 0;

	request->quote = NULL;
	if (code == 0 && text == NULL)
		code = task_quote(source->tasks, &task, front->arena, &plan);
	if (code == 0 && text == NULL)
		text = document_plan(source, &plan);
	arena_reset(front->arena);
	if (code == 0 && text == NULL)
		code = -ENOMEM;
	if (code < 0) {
		free(text);
		return code;
	}
	*ret_text = text;
	return 0;
}

static int render_document(struct front *front, struct request *request, char **ret_text)
{
	const struct datagram *ask = &request->datagram;
	const struct document_request wanted = {.document = ask->ask.document,
	                                        .task = ask->ask.task,
	                                        .tenant = request->tenant->name,
	                                        .operator= request->tenant->operator,
	                                        .sight = request->tenant->sight };

	return document_render(front->settings.source, &wanted, ret_text);
}

/*
 * The first slice of a document as it is now, unless it was rendered for this very request: one that is
 * repeated, however late, must not change what its reader is in the middle of.
 */
static void serve_first(struct front *front, struct request *request, enum datagram_document document,
                        const struct identifier *about,
                        int (*render)(struct front *front, struct request *request, char **ret_text))
{
	struct kept *kept = find(front, request, document, about);
	char *text;
	int code;

	if (kept == NULL || !identifier_equal(&kept->request, &request->datagram.identifier)) {
		code = render(front, request, &text);
		if (code < 0) {
			reply_error(front, request, code);
			return;
		}
		kept = keep(front, request, document, about, text);
	}
	reply_kept(front, request, kept, 0);
}

void slice_quote(struct front *front, struct request *request)
{
	serve_first(front, request, DOCUMENT_QUOTE, &request->datagram.identifier, render_quote);
}

static int render_reload(struct front *front, struct request *request, char **ret_text)
{
	if (!request->tenant->operator)
		return BUSBAR_ERROR_REFUSED;
	if (front->settings.reload == NULL)
		return BUSBAR_ERROR_NOT_SUPPORTED;
	*ret_text = front->settings.reload(front->settings.context);
	return *ret_text == NULL ? -ENOMEM : 0;
}

void slice_reload(struct front *front, struct request *request)
{
	serve_first(front, request, DOCUMENT_RELOAD, &request->datagram.identifier, render_reload);
}

/* Rendered for another request, by whose identifier it is read on. */
static bool is_of_request(enum datagram_document document)
{
	return document == DOCUMENT_QUOTE || document == DOCUMENT_RELOAD;
}

void slice_document(struct front *front, struct request *request)
{
	const struct datagram *ask = &request->datagram;
	const struct kept *kept;

	if (ask->ask.offset == 0 && !is_of_request(ask->ask.document)) {
		serve_first(front, request, ask->ask.document, &ask->ask.task, render_document);
		return;
	}
	kept = find(front, request, ask->ask.document, &ask->ask.task);
	if (kept == NULL)
		reply_error(front, request, BUSBAR_ERROR_NOT_FOUND);
	else
		reply_kept(front, request, kept, ask->ask.offset);
}

int slice_read_output(struct front *front, const struct task_part_record *part, uint64_t offset,
                      uint8_t *bytes, size_t capacity)
{
	uint64_t size;
	ssize_t got;
	int descriptor = store_read(front->settings.store, part->digest, &size);

	if (descriptor < 0)
		return descriptor;
	got = pread(descriptor, bytes, capacity, (off_t)offset);
	close(descriptor);
	return got < 0 ? -errno : (int)got;
}

void slice_output(struct front *front, struct request *request)
{
	const struct datagram *ask = &request->datagram;
	struct tasks *tasks = front->settings.source->tasks;
	struct task_record record;
	uint8_t bytes[DATAGRAM_SLICE];
	int code = tasks == NULL ? BUSBAR_ERROR_NOT_SUPPORTED : task_read(tasks, &ask->ask.task, &record);

	if (code < 0) {
		reply_error(front, request, code);
		return;
	}
	if (strcmp(record.tenant, request->tenant->name) != 0 || ask->ask.part == 0 ||
	    ask->ask.part > record.part_count)
		code = BUSBAR_ERROR_NOT_FOUND;
	else
		code = slice_read_output(front, &record.parts[ask->ask.part - 1], ask->ask.offset, bytes,
		                         sizeof(bytes));
	if (code < 0)
		reply_error(front, request, code);
	else
		reply_slice(front, request, bytes, record.parts[ask->ask.part - 1].size, ask->ask.offset,
		            (size_t)code);
	task_record_clear(&record);
}
