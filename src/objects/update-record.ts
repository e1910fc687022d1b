import type { AzVolume, WriterRecord } from "../core/api/az-volume.ts";
import type { Failure } from "../core/failure/failure.ts";
import { notWriter } from "../core/failure/frequent-failures.ts";
import { fail, ok, type Result } from "../core/failure/result.ts";
import type { Step } from "../core/writer/record/writer-steps.ts";
import type { StepName, Steps } from "../ports/steps.ts";
import type { ObjectStore } from "../ports/store/object-store.ts";
import { CONFLICTS_MAX } from "./update-object.ts";

type Status = NonNullable<AzVolume["status"]>;

export interface RecordPorts {
  readonly store: ObjectStore;
  readonly steps: Steps;
}

/** A step of a volume's writer record, for a node. */
interface RecordRequest {
  readonly volumeName: string;
  readonly nodeName: string;
  readonly step: StepName;
  readonly onlyAtVersion?: string;
  /**
   * The volume as the caller has just read it: saves the first read. If it has changed since, the write is
   * refused and the volume read again.
   */
  readonly volumeRead?: AzVolume;
  /** Changes the rest of the status in the same write; is given the status with the next record. */
  readonly alsoStatus?: (status: Status) => Status;
}

/**
 * Changes the writer record of a volume by compare-and-swap: reads it uncached, calls `change`, writes the
 * result on that version, and starts again on a conflict. With `onlyAtVersion` it does not start again:
 * the decision was made for that version. Fails with `NotWriter` where `change` refuses, `ObjectNotFound`,
 * `ObjectConflict`, or as the store does.
 */
export function updateRecord(
  ports: RecordPorts,
  request: RecordRequest,
  change: (record: WriterRecord, volume: AzVolume) => Step,
  signal: AbortSignal,
): Promise<Result<AzVolume>> {
  return updateRecordAfterCheck(ports, { ...request, checkStore: async () => ok(undefined) }, change, signal);
}

/**
 * The same. `checkStore` is called after each read of the volume, and `change` gets its answer: a rollback in
 * between makes the write fail. Fails as it does, too.
 */
export async function updateRecordAfterCheck<Checked>(
  ports: RecordPorts,
  request: RecordRequest & { readonly checkStore: () => Promise<Result<Checked>> },
  change: (record: WriterRecord, volume: AzVolume, checked: Checked) => Step,
  signal: AbortSignal,
): Promise<Result<AzVolume>> {
  for (let attempt = 1; ; attempt += 1) {
    const read =
      request.volumeRead !== undefined && attempt === 1
        ? ok(request.volumeRead)
        : await ports.store.get("AzVolume", request.volumeName, signal);
    if (!read.ok) return read;
    const volume = read.value;
    if (request.onlyAtVersion !== undefined && volume.metadata.resourceVersion !== request.onlyAtVersion) {
      return fail({ kind: "ObjectConflict", objectKind: "AzVolume", name: request.volumeName });
    }
    const status = volume.status;
    if (status?.record === undefined)
      return notWriter(request.volumeName, request.nodeName, "the volume has no writer record");
    const checked = await request.checkStore();
    if (!checked.ok) return checked;
    const stepped = change(status.record, volume, checked.value);
    if (!stepped.ok)
      return notWriter(status.detail?.diskUri ?? request.volumeName, request.nodeName, stepped.failure);
    const changed = { ...status, record: stepped.value };
    const next: AzVolume = { ...volume, status: request.alsoStatus?.(changed) ?? changed };
    const written = await ports.steps.run(request.step, () =>
      ports.store.updateStatus("AzVolume", next, signal),
    );
    if (
      written.ok ||
      written.failure.kind !== "ObjectConflict" ||
      request.onlyAtVersion !== undefined ||
      attempt >= CONFLICTS_MAX
    )
      return written;
  }
}

/** Whether `updateRecord` failed since its step is not due any more: the record refuses it, or is gone. */
export function isNoLongerDue({ kind }: Failure): boolean {
  return kind === "NotWriter" || kind === "ObjectNotFound";
}
