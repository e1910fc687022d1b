import { cloudFailures } from "../../../src/core/failure/cloud-failures.ts";
import { describeFailure } from "../../../src/core/failure/describe-failure.ts";
import { failureTable } from "../../../src/core/failure/failure-table.ts";
import type { Failure } from "../../../src/core/failure/failure.ts";
import { localFailures } from "../../../src/core/failure/local-failures.ts";
import { requestFailures } from "../../../src/core/failure/request-failures.ts";
import { failureExamples } from "../../../src/core/failure/testing/failure-examples.ts";
import type { GeneratedFile } from "../generated-file.ts";
import { markdownTable } from "./markdown-table.ts";

const INTRODUCTION = `<!-- Written by \`npm run generate\` from src/core/failure. Never edited by hand. -->

# Failures

Everything that may go wrong. CSI calls answer with the status and the sentence. Events,
conditions and \`status.error\` of the custom resources carry the same sentence. Where Azure has answered, its
code and its request id follow in brackets. A bug answers INTERNAL, and its stack is in the log.

- **Status**: sidecars take CANCELLED, DEADLINE_EXCEEDED, UNAVAILABLE and ABORTED for work that may continue,
  and all but external-provisioner RESOURCE_EXHAUSTED, too. Every other status is an end without effect.
- **Retry**: *later* means that the same attempt may succeed unchanged, and that the driver tries again.
  *after a change* means that a request, a quota, a permission or another external state has to change first.
`;

const groups: readonly (readonly [string, object])[] = [
  ["Requests and the writer protocol", requestFailures],
  ["Azure", cloudFailures],
  ["Object store and host", localFailures],
];

/** The reference page of failures: one row for each kind. */
export function failuresPage(): GeneratedFile {
  const sections = groups.map(([title, rows]) => {
    const kinds = Object.keys(rows) as readonly Failure["kind"][];
    return `## ${title}\n\n${markdownTable(["kind", "status", "retry", "example"], kinds.map(rowOf))}`;
  });
  return { path: "docs/reference/failures.md", content: `${INTRODUCTION}\n${sections.join("\n\n")}\n` };
}

function rowOf(kind: Failure["kind"]): string {
  const { code, retryable } = failureTable[kind];
  const sentence = describeFailure(failureExamples[kind]).replaceAll("|", "\\|");
  return `| \`${kind}\` | ${code} | ${retryable ? "later" : "after a change"} | ${sentence} |`;
}
