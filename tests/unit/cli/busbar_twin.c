/* SPDX-License-Identifier: Apache-2.0 */
#include "busbar_twin.h"

#include "base/error.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct busbar {
	int unused;
};

struct twin twin;
static struct busbar handle;

static char *copy(const char *text)
{
	char *own = strdup(text);

	if (own == NULL)
		abort();
	return own;
}

int busbar_open_file(const char *path, int as_operator, char *problem, size_t problem_size,
                     struct busbar **ret_busbar)
{
	if (twin.open_code < 0) {
		(void)snprintf(problem, problem_size, "no configuration");
		return twin.open_code;
	}
	twin.opened++;
	twin.as_operator = as_operator;
	*ret_busbar = &handle;
	return 0;
}

void busbar_close(struct busbar *busbar)
{
	twin.closed += busbar != NULL;
}

int busbar_set_gateway(struct busbar *busbar, const char *gateway)
{
	if (strchr(gateway, ':') == NULL)
		return BUSBAR_ERROR_BAD_VALUE;
	(void)snprintf(twin.gateway, sizeof(twin.gateway), "%s", gateway);
	return 0;
}

const char *busbar_gateway_at(const struct busbar *busbar, size_t index)
{
	return index < sizeof(twin.gateways) / sizeof(twin.gateways[0]) ? twin.gateways[index] : NULL;
}

void busbar_set_patience(struct busbar *busbar, unsigned patience_ms)
{
	twin.patience_ms = patience_ms;
}

const char *busbar_problem(const struct busbar *busbar)
{
	return twin.problem == NULL ? "" : twin.problem;
}

void busbar_free(void *memory)
{
	free(memory);
}

static int answer(int document, char **ret_document)
{
	for (size_t i = 0; i < TWIN_ANSWERS; i++) {
		struct twin_answer *one = &twin.answers[i];
		const char *text = one->text;
		int code = one->code;

		if ((text == NULL && code == 0) || one->document != document ||
		    (one->gateway != NULL && strcmp(one->gateway, twin.gateway) != 0))
			continue;
		if (one->once)
			*one = (struct twin_answer){.code = 0};
		if (text == NULL)
			return code;
		*ret_document = copy(text);
		return 0;
	}
	return BUSBAR_ERROR_NO_ANSWER;
}

static void remember(const char *demand, size_t input_size)
{
	(void)snprintf(twin.demand, sizeof(twin.demand), "%s", demand);
	twin.input_size = input_size;
}

int busbar_quote(struct busbar *busbar, const char *demand, const void *input, size_t input_size,
                 char **ret_document)
{
	remember(demand, input_size);
	return answer(0, ret_document);
}

int busbar_run(struct busbar *busbar, const char *demand, const void *input, size_t input_size,
               char ret_task[BUSBAR_TASK_TEXT])
{
	remember(demand, input_size);
	if (twin.run_code < 0)
		return twin.run_code;
	(void)snprintf(ret_task, BUSBAR_TASK_TEXT, "018f3c00000070008000000000000001");
	return 0;
}

int busbar_call(struct busbar *busbar, const char *demand, const void *input, size_t input_size,
                void **ret_output, size_t *ret_size, char ret_task[BUSBAR_TASK_TEXT])
{
	remember(demand, input_size);
	if (twin.call_code < 0)
		return twin.call_code;
	*ret_output = copy(twin.output);
	*ret_size = strlen(twin.output);
	return 0;
}

int busbar_cancel(struct busbar *busbar, const char *task)
{
	(void)snprintf(twin.cancelled, sizeof(twin.cancelled), "%s", task);
	return twin.cancel_code;
}

int busbar_reserve(struct busbar *busbar, const char *demand, char ret_task[BUSBAR_TASK_TEXT],
                   char ret_anchor[BUSBAR_GATEWAY_TEXT])
{
	remember(demand, 0);
	if (twin.reserve_code < 0)
		return twin.reserve_code;
	(void)snprintf(ret_task, BUSBAR_TASK_TEXT, "018f3c00000070008000000000000001");
	(void)snprintf(ret_anchor, BUSBAR_GATEWAY_TEXT, "1.1");
	return 0;
}

int busbar_release(struct busbar *busbar, const char *task)
{
	(void)snprintf(twin.released, sizeof(twin.released), "%s", task);
	return twin.cancel_code;
}

int busbar_follow(struct busbar *busbar, const char *task, const char *anchor)
{
	(void)snprintf(twin.followed, sizeof(twin.followed), "%s %s", task, anchor);
	return twin.follow_code;
}

int busbar_follow_result(struct busbar *busbar, const char *task, const char *anchor, void **ret_output,
                         size_t *ret_size)
{
	int code = busbar_follow(busbar, task, anchor);

	return code < 0 ? code : busbar_get(busbar, NULL, 1 << 20, ret_output, ret_size);
}

int busbar_reload(struct busbar *busbar, char **ret_document)
{
	if (twin.reload == NULL)
		return BUSBAR_ERROR_NOT_SUPPORTED;
	*ret_document = strdup(twin.reload);
	return 0;
}

int busbar_document(struct busbar *busbar, enum busbar_document document, const char *task,
                    char **ret_document)
{
	(void)snprintf(twin.asked, sizeof(twin.asked), "%s", task == NULL ? "" : task);
	return answer((int)document, ret_document);
}

int busbar_put(struct busbar *busbar, const void *bytes, size_t size, unsigned char ret_digest[BUSBAR_DIGEST])
{
	twin.puts++;
	twin.put_size = size;
	memset(ret_digest, 0xab, BUSBAR_DIGEST);
	return 0;
}

int busbar_get(struct busbar *busbar, const unsigned char digest[BUSBAR_DIGEST], size_t maximum,
               void **ret_bytes, size_t *ret_size)
{
	size_t size = strlen(twin.output);

	twin.gets++;
	if (size > maximum)
		return BUSBAR_ERROR_TOO_LARGE;
	*ret_bytes = copy(twin.output);
	*ret_size = size;
	return 0;
}
