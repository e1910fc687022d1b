import { describeFailure } from "../failure/describe-failure.ts";
import type { Failure } from "../failure/failure.ts";

/** The fields that distinguish a new failure: not Azure's request id, its Retry-After or a progress. */
export function failureLocalKey(failure: Failure): string {
  switch (failure.kind) {
    case "CloudRejected":
    case "CloudUnavailable":
    case "CloudUnauthorized":
      return `${failure.kind} ${failure.code}`;
    case "Throttled":
      return failure.kind;
    case "DiskBeingCopied":
    case "SourceBeingCopied":
      return describeFailure({ ...failure, percent: 0 });
    case "EtagNotMoved":
      return `${failure.kind} ${failure.instanceUri}`;
    default:
      return describeFailure(withoutAnswer(failure));
  }
}

/** What an event says of a failure, after the words `what`, and what distinguishes it from an earlier one. */
export function failureEventText(
  what: string,
  failure: Failure,
): { readonly message: string; readonly localKey: string } {
  return { message: `${what}: ${describeFailure(failure)}`, localKey: failureLocalKey(failure) };
}

function withoutAnswer(failure: Failure): Failure {
  if (!("azure" in failure)) return failure;
  const { azure: _answer, ...rest } = failure;
  return rest;
}
