/* SPDX-License-Identifier: Apache-2.0 */
#include "t.h"

#include "supply/host.h"
#include <stdio.h>

static void values_are_sane(void **state)
{
	struct host host;

	T_OK(host_measure(&host));
	T_TRUE(host.threads >= 1 && host.cores >= 1 && host.cores <= host.threads);
	T_TRUE(host.memory > UINT64_C(64) << 20);
	T_TRUE(host.core_gflops > 0.1 && host.core_gflops < 1000);
	T_TRUE(host.vector != NULL);
	printf("# %u threads, %.1f GFLOPS a core (%s)\n", host.threads, host.core_gflops, host.vector);
}

static void measurements_repeat(void **state)
{
	struct host first, second;

	T_OK(host_measure(&first));
	T_OK(host_measure(&second));
	T_EQ(first.memory, second.memory);
	T_EQ(first.threads, second.threads);
	/* The best of several rounds: noise may halve it, not more. */
	T_TRUE(first.core_gflops < 2 * second.core_gflops && second.core_gflops < 2 * first.core_gflops);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(values_are_sane),
	        cmocka_unit_test(measurements_repeat),
	};

	return T_RUN(tests);
}
