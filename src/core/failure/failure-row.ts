import type { Failure, FailureOf } from "./failure.ts";

/** Names of gRPC statuses, as in CSI's error tables. */
type GrpcCode =
  | "CANCELLED"
  | "INVALID_ARGUMENT"
  | "DEADLINE_EXCEEDED"
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "PERMISSION_DENIED"
  | "RESOURCE_EXHAUSTED"
  | "FAILED_PRECONDITION"
  | "ABORTED"
  | "OUT_OF_RANGE"
  | "UNIMPLEMENTED"
  | "INTERNAL"
  | "UNAVAILABLE";

/** Everything that depends on the kind of a failure alone. */
interface FailureRow<K extends Failure["kind"]> {
  /**
   * Sidecars take CANCELLED, DEADLINE_EXCEEDED, UNAVAILABLE and ABORTED for work that may continue in the
   * background, and all but external-provisioner RESOURCE_EXHAUSTED, too; every other code is an end without
   * effect. external-attacher takes NOT_FOUND from an unpublish for success. So no failure that may have had
   * an effect has a final code, and NOT_FOUND is only for what is really gone.
   */
  readonly code: GrpcCode;
  /**
   * Whether the same attempt may succeed later unchanged. `false`: a retry is pointless before the
   * request, a quota, a permission or another external state has changed.
   */
  readonly retryable: boolean;
  /** Its subject, the value at fault, and what to do, for people. Never holds a secret. */
  readonly sentence: (failure: FailureOf<K>) => string;
}

export type FailureRows = { readonly [K in Failure["kind"]]: FailureRow<K> };
