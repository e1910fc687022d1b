import { relative, resolve } from "node:path";
import { type EventData, run } from "node:test";
import { inspect } from "node:util";
import { createLeafCounter } from "./leaf-outcomes.ts";
import type { TestReport } from "./leaf-outcomes.ts";
import type { SuiteMessage } from "./test-outcome.ts";

type EndReport = Extract<TestReport, { readonly kind: "End" }>;

/**
 * Runs the given test files in this process, one test at a time, and reports to its parent how each ends.
 */
async function main(files: readonly string[]): Promise<void> {
  const tell = (message: SuiteMessage): void => {
    process.send?.(message);
  };
  process.on("message", () => {
    tell({ kind: "OpenResources", resources: process.getActiveResourcesInfo() });
  });
  // The channel to the parent must not itself keep a finished suite alive.
  process.channel?.unref();

  const outcomeOf = createLeafCounter();
  const running: string[] = [];
  const report = (next: TestReport): void => {
    const outcome = outcomeOf(next);
    if (outcome !== undefined) tell({ kind: "Outcome", outcome });
  };
  const stream = run({ files: [...files], isolation: "none" });
  stream.on("test:dequeue", ({ name, nesting }) => {
    running.length = nesting;
    running.push(name);
    tell({ kind: "Running", names: running });
  });
  stream.on("test:complete", ({ nesting }) => {
    running.length = nesting;
    tell({ kind: "Running", names: running });
  });
  stream.on("test:start", ({ name, nesting }) => {
    report({ kind: "Start", name, nesting });
  });
  stream.on("test:pass", (event) => {
    // node:test reports a file without tests as a passed test.
    const error =
      resolve(event.name) === event.file
        ? { text: "this file has no test", onlySubtestsFailed: false }
        : undefined;
    report(endOf(event, error));
  });
  stream.on("test:fail", (event) => {
    const thrown = event.details.error;
    const error = {
      text: describeError(thrown),
      onlySubtestsFailed: failureType(thrown) === "subtestsFailed",
    };
    report(endOf(event, error));
  });
  stream.on("test:diagnostic", ({ message, file }) => {
    // Without a file it is node:test's own count at the end.
    if (file !== undefined) tell({ kind: "Note", text: message });
  });
  stream.resume();
}

/** How a test ended, from node:test's report. */
function endOf(
  { name, nesting, file, details, skip, todo }: EventData.TestPass | EventData.TestFail,
  error: EndReport["error"],
): EndReport {
  return {
    kind: "End",
    name,
    nesting,
    file: toFile(file),
    isSuite: details.type === "suite",
    durationMs: details.duration_ms,
    error,
    ...notRun(skip, todo),
  };
}

function toFile(file: string | undefined): string {
  return file === undefined ? "?" : relative(process.cwd(), file);
}

function notRun(
  skip: string | boolean | undefined,
  todo: string | boolean | undefined,
): { skip: string | true | undefined; todo: string | true | undefined } {
  return { skip: skip === false ? undefined : skip, todo: todo === false ? undefined : todo };
}

/** node:test wraps the error that a test throws; the reader needs the cause. */
function describeError(error: Error): string {
  return inspect(error.cause instanceof Error ? error.cause : error, { depth: 4 });
}

function failureType(error: Error): unknown {
  return "failureType" in error ? error.failureType : undefined;
}

await main(process.argv.slice(2));
