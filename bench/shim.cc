// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Google Benchmark as a C program sees it. The library would keep the
 * repetitions of a case together; the rounds are therefore made here, each of
 * them over all cases, so that contenders are measured one right after the
 * other, and in another order each time. Round 0 is short and warms up.
 *
 * To the library a measurement is one iteration in each thread: it starts the
 * threads, lets them meet and adds up their CPU time. The loop over pairs is C
 * and runs for a fixed time, and the report gets its number of pairs.
 */
#include "bench.h"

#include <benchmark/benchmark.h>

#include <cstdio>
#include <fstream>
#include <vector>

namespace {

class Reporter : public benchmark::JSONReporter {
 public:
	unsigned int round = 0, rounds = 0;
	bool failed = false;

	bool ReportContext(const Context &context) override
	{
		if (!started)
			started = JSONReporter::ReportContext(context);
		return started;
	}

	void ReportRuns(const std::vector<Run> &runs) override
	{
		std::vector<Run> report = runs;

		for (Run &run : report) {
			failed |= run.error_occurred;
			/* The name is workload/contender/threads:N, no more. */
			run.run_name.iterations.clear();
			run.run_name.time_type.clear();
			run.repetition_index = round - 1;
			run.repetitions = rounds;
			run.iterations = run_pairs_done();
		}
		if (round)
			JSONReporter::ReportRuns(report);
	}

	/* The library calls Finalize() after each case; the file ends once. */
	void Finalize() override {}
	void Close() { JSONReporter::Finalize(); }

 private:
	bool started = false;
};

void measure(benchmark::State &state, const bench_case *bc, double length)
{
	unsigned int nr_counters;
	counter counters[BENCH_COUNTERS];

	if (state.thread_index() == 0)
		run_begin(bc, length);
	/* The library has all threads meet here, and again after the loop. */
	while (state.KeepRunning())
		run_body(state.thread_index());
	state.SetIterationTime(run_seconds());
	if (state.thread_index() != 0)
		return;
	nr_counters = run_counters(counters);
	while (nr_counters--)
		state.counters[counters[nr_counters].name] = counters[nr_counters].value;
	run_finish();
}

void run_round(bench_case *cases, size_t nr_cases, double length,
	       Reporter *reporter)
{
	size_t first, size, i;

	for (first = 0; first < nr_cases; first += size) {
		/* The contenders of one workload and number of threads. */
		for (size = 1; first + size < nr_cases; size++)
			if (cases[first + size].workload != cases[first].workload ||
			    cases[first + size].threads != cases[first].threads)
				break;
		for (i = 0; i < size; i++) {
			const bench_case *bc =
				&cases[first + (i + reporter->round) % size];

			benchmark::RegisterBenchmark(bc->name,
				[=](benchmark::State &s) { measure(s, bc, length); })
				->Threads(bc->threads)
				->Iterations(1)
				->UseManualTime();
			benchmark::RunSpecifiedBenchmarks(reporter, "all");
			benchmark::ClearRegisteredBenchmarks();
		}
	}
}

}  // namespace

void shim_context(const char *key, const char *value)
{
	benchmark::AddCustomContext(key, value);
}

int shim_run(bench_case *cases, size_t nr_cases, const bench_options *options)
{
	std::ofstream out(options->out);
	uint64_t start = now_ns(), round_start;
	double took, elapsed;
	Reporter reporter;

	if (!out)
		die(options->out);
	reporter.rounds = options->rounds;
	reporter.SetOutputStream(&out);
	run_round(cases, nr_cases, options->length / 10, &reporter);
	for (reporter.round = 1; reporter.round <= options->rounds;
	     reporter.round++) {
		round_start = now_ns();
		run_round(cases, nr_cases, options->length, &reporter);
		took = (now_ns() - round_start) / 1e9;
		elapsed = (now_ns() - start) / 1e9;
		std::fprintf(stderr, "bench: round %u of %u took %.0f s\n",
			     reporter.round, options->rounds, took);
		if (reporter.round >= 3 && reporter.round < options->rounds &&
		    elapsed + took > options->budget) {
			std::fprintf(stderr, "bench: another would not end within %.0f s\n",
				     options->budget);
			break;
		}
	}
	reporter.Close();
	out.close();
	return reporter.failed || !out;
}
