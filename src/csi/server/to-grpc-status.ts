import { status } from "@grpc/grpc-js";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import { failureTable } from "../../core/failure/failure-table.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { shortened } from "../../core/primitives/shortened.ts";

/** What a gRPC caller receives instead of a response. */
export interface GrpcStatus {
  readonly code: status;
  readonly details: string;
}

/**
 * external-attacher writes an answer into the VolumeAttachment, of which the API server refuses an error of
 * more than 1024 bytes: then no event says why a volume is not attached. The longest beginning that Go gives
 * it is that of FAILED_PRECONDITION.
 */
const DETAILS_MAX_BYTES = 1024 - "rpc error: code = FailedPrecondition desc = ".length;

/** Turns a failure into a gRPC status: that of its row, and its sentence. */
export function toGrpcStatus(failure: Failure): GrpcStatus {
  return {
    code: status[failureTable[failure.kind].code],
    details: shortened(describeFailure(failure), DETAILS_MAX_BYTES),
  };
}
