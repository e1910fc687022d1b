import type { WriterRecord } from "../../core/api/az-volume.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { stillWaiting } from "../../core/failure/frequent-failures.ts";
import { ok, type Result } from "../../core/failure/result.ts";

/** Fails with `StillWaiting` where a record is of another store incarnation than the trusted one. */
export function requireIncarnation(
  record: WriterRecord | undefined,
  storeIncarnation: number,
  volumeId: string,
): Result<undefined, Failure> {
  if (record === undefined || record.storeIncarnation === storeIncarnation) return ok(undefined);
  const what = `its record, which is of store incarnation ${record.storeIncarnation}, to be rebuilt`;
  return stillWaiting(volumeId, what);
}
