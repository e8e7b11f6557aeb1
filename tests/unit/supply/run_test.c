/* SPDX-License-Identifier: Apache-2.0 */
/* What the executor takes for a request: every count and size is checked, whoever sent it. */
#include "t.h"

#include "supply/run.h"

#define WORDS "cat\0-n\0A=1\0/srv/x"

static struct run_text words;

static struct executor_request request_of(size_t text)
{
	return (struct executor_request){.arguments = 2,
	                                 .environment = 1,
	                                 .folder = 1,
	                                 .text = (uint32_t)text,
	                                 .processes = 1,
	                                 .cpu = 1,
	                                 .memory = 1,
	                                 .output_maximum = 1,
	                                 .time_limit = 1};
}

static void words_are_found(void **state)
{
	struct executor_request request = request_of(sizeof(WORDS));

	T_OK(run_parse(&request, WORDS, sizeof(WORDS), &words));
	T_TEXT(words.arguments[0], "cat");
	T_TEXT(words.arguments[1], "-n");
	T_TRUE(words.arguments[2] == NULL);
	T_TEXT(words.environment[0], "A=1");
	T_TRUE(words.environment[1] == NULL);
	T_TEXT(words.folder, "/srv/x");
	request.folder = 0;
	request.environment = 2;
	T_OK(run_parse(&request, WORDS, sizeof(WORDS), &words));
	T_TEXT(words.environment[1], "/srv/x");
	T_TRUE(words.folder == NULL);
}

static void counts_must_fit_the_text(void **state)
{
	struct executor_request request = request_of(sizeof(WORDS));

	/* Every shorter text lacks a NUL or a word. */
	for (uint32_t size = 0; size < sizeof(WORDS); size++) {
		request.text = size;
		T_ERROR(run_parse(&request, WORDS, size, &words), BUSBAR_ERROR_MALFORMED);
	}
	request = request_of(sizeof(WORDS) - 1);
	T_ERROR(run_parse(&request, WORDS, sizeof(WORDS), &words), BUSBAR_ERROR_MALFORMED);
	request = request_of(sizeof(WORDS));
	request.arguments = 1; /* a word too many */
	T_ERROR(run_parse(&request, WORDS, sizeof(WORDS), &words), BUSBAR_ERROR_MALFORMED);
	request.arguments = 0;
	request.environment = 3;
	T_ERROR(run_parse(&request, WORDS, sizeof(WORDS), &words), BUSBAR_ERROR_MALFORMED);
	request.arguments = 1;
	request.environment = UINT32_MAX;
	T_ERROR(run_parse(&request, WORDS, sizeof(WORDS), &words), BUSBAR_ERROR_MALFORMED);
	request = request_of(sizeof(WORDS));
	request.folder = 2;
	T_ERROR(run_parse(&request, WORDS, sizeof(WORDS), &words), BUSBAR_ERROR_MALFORMED);
}

static void tables_are_full_and_no_fuller(void **state)
{
	static char text[EXECUTOR_TEXT + 1]; /* that many empty words */
	struct executor_request request = request_of(2 * EXECUTOR_WORDS);

	request.arguments = request.environment = EXECUTOR_WORDS;
	request.folder = 0;
	T_OK(run_parse(&request, text, 2 * EXECUTOR_WORDS, &words));
	T_TRUE(words.arguments[EXECUTOR_WORDS] == NULL && words.environment[EXECUTOR_WORDS] == NULL);
	request.arguments = EXECUTOR_WORDS + 1;
	request.text++;
	T_ERROR(run_parse(&request, text, request.text, &words), BUSBAR_ERROR_MALFORMED);
	request = request_of(sizeof(text));
	T_ERROR(run_parse(&request, text, sizeof(text), &words), BUSBAR_ERROR_MALFORMED);
}

static void every_limit_is_required(void **state)
{
	const struct executor_request good = request_of(sizeof(WORDS));
	struct executor_request bad[] = {good, good, good, good, good, good, good, good, good};

	bad[0].cpu = 0;
	bad[1].memory = 0;
	bad[2].output_maximum = 0;
	bad[3].processes = 0;
	bad[4].time_limit = 0;
	bad[5].time_limit = -1;
	bad[6].memory = UINT64_MAX;
	bad[7].scratch = UINT64_MAX;
	bad[8].processes = UINT32_MAX;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		T_ERROR(run_parse(&bad[i], WORDS, sizeof(WORDS), &words), BUSBAR_ERROR_BAD_VALUE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(words_are_found),
	        cmocka_unit_test(counts_must_fit_the_text),
	        cmocka_unit_test(tables_are_full_and_no_fuller),
	        cmocka_unit_test(every_limit_is_required),
	};

	return T_RUN(tests);
}
