// SPDX-License-Identifier: GPL-2.0
/*
 * What the fuzzer found worth keeping, once more, and strings at random: without
 * libFuzzer, with any compiler.
 *
 *	replay [-r STRINGS] [CORPUS | FILE]
 *
 * A whole corpus is a directory. It has to bring about all that there is a name
 * for in fuzz.h: a corpus that no longer does tests less than it seems to.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "fuzz.h"
#include "ktap.h"

/* A string that takes longer hangs; none takes a thousandth of that. */
#define HANG	60

#define MAX_LENGTH	4096
#define RANDOM_LENGTH	384

static const char *corpus;
static unsigned int random_strings = 3000;

/* Told by the process that plays the strings to the one that reports. */
static struct {
	unsigned int	strings;
	char		current[300];
	unsigned long	seen[NR_EVENTS];
} *told;

static void play(const uint8_t *bytes, size_t size)
{
	alarm(HANG);
	LLVMFuzzerTestOneInput(bytes, size);
	alarm(0);
	told->strings++;
}

static void play_file(const char *path)
{
	uint8_t bytes[MAX_LENGTH];
	FILE *file;
	size_t size;

	snprintf(told->current, sizeof(told->current), "%s", path);
	file = fopen(path, "rb");
	if (!file) {
		fprintf(stderr, "# %s: %s\n", path, strerror(errno));
		exit(1);
	}
	size = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	play(bytes, size);
}

static int visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void play_corpus(const void *arg)
{
	struct dirent **entries;
	struct stat status;
	char path[300];
	int i, n;

	if (!stat(corpus, &status) && !S_ISDIR(status.st_mode)) {
		play_file(corpus);
	} else {
		n = scandir(corpus, &entries, visible, alphasort);
		if (n < 0) {
			fprintf(stderr, "# %s: %s\n", corpus, strerror(errno));
			exit(1);
		}
		for (i = 0; i < n; i++) {
			snprintf(path, sizeof(path), "%s/%s", corpus,
				 entries[i]->d_name);
			play_file(path);
			free(entries[i]);
		}
		free(entries);
	}
	memcpy(told->seen, fuzz_seen, sizeof(fuzz_seen));
}

static void play_random(const void *arg)
{
	uint64_t random = 0x9e3779b97f4a7c15;
	uint8_t bytes[RANDOM_LENGTH];
	unsigned int i, j;

	for (i = 0; i < random_strings; i++) {
		snprintf(told->current, sizeof(told->current),
			 "random string %u", i);
		for (j = 0; j < sizeof(bytes); j++) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			bytes[j] = random >> 32;
		}
		play(bytes, sizeof(bytes));
	}
}

static void point(const char *name, void (*run)(const void *arg))
{
	bool ok;

	told->strings = 0;
	ok = ktap_run(name, run, NULL);
	if (!ok)
		printf("# %s: in %s\n", name, told->current);
	printf("# %s: %u strings\n", name, told->strings);
	ktap_result(ok && told->strings, "%s", name);
}

int main(int argc, char **argv)
{
	bool complete = true;
	struct stat status;
	int option, i;

	while ((option = getopt(argc, argv, "r:")) != -1) {
		if (option != 'r') {
			fprintf(stderr, "usage: %s [-r STRINGS] [CORPUS | FILE]\n",
				argv[0]);
			return 1;
		}
		random_strings = atoi(optarg);
	}
	corpus = argv[optind] ? argv[optind] : CORPUS;
	told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (told == MAP_FAILED) {
		perror("# mmap");
		return 1;
	}
	if (!stat(corpus, &status) && !S_ISDIR(status.st_mode)) {
		ktap_plan(1);
		point("fuzz_file", play_corpus);
		return ktap_exit();
	}
	ktap_plan(2 + !!random_strings);
	point("fuzz_corpus", play_corpus);
	for (i = 0; i < NR_EVENTS; i++) {
		printf("# %s: %lu\n", fuzz_event_names[i], told->seen[i]);
		complete &= told->seen[i] > 0;
	}
	ktap_result(complete, "fuzz_corpus_is_complete");
	if (random_strings)
		point("fuzz_random", play_random);
	return ktap_exit();
}
