/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The main() of a fuzz target in ordinary builds: feeds it every file of the folders given as arguments
 * and says so in TAP. A target that finds a fault ends the process, as it does under the fuzzer.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { FILE_MAXIMUM = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Memory of exactly the file's size, so that a sanitizer sees what reads too far. */
static int replay(const char *path)
{
	FILE *stream = fopen(path, "rb");
	struct stat state;
	uint8_t *bytes = NULL;
	int result = -1;

	if (!stream)
		return -1;
	if (fstat(fileno(stream), &state) == 0 && S_ISREG(state.st_mode) && state.st_size <= FILE_MAXIMUM)
		bytes = malloc(state.st_size ? (size_t)state.st_size : 1);
	if (bytes && fread(bytes, 1, (size_t)state.st_size, stream) == (size_t)state.st_size)
		result = LLVMFuzzerTestOneInput(bytes, (size_t)state.st_size);
	free(bytes);
	fclose(stream);
	return result;
}

/* Numbers the tests on from *number. */
static int replay_folder(const char *folder, unsigned *number)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, NULL, alphasort), failed = 0;

	for (int i = 0; i < count; i++) {
		char path[4096];

		if (entries[i]->d_name[0] != '.' &&
		    snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name) < (int)sizeof(path)) {
			int result = replay(path);

			printf("%s %u - %s\n", result == 0 ? "ok" : "not ok", ++*number, entries[i]->d_name);
			(void)fflush(stdout);
			failed += result != 0;
		}
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return count < 0 ? 1 : failed;
}

int main(int count, char **arguments)
{
	unsigned number = 0;
	int failed = 0;

	for (int i = 1; i < count; i++)
		failed += replay_folder(arguments[i], &number);
	printf("1..%u\n", number);
	return failed > 0 || number == 0;
}
