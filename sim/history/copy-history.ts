import type { ModelDisk } from "../../src/adapters/model-host/model-disk.ts";
import { resourceUriKey } from "../../src/core/azure/ids/disk-uri.ts";
import { gibToBytes } from "../../src/core/primitives/units.ts";
import type { CreateVolumeRequest, Volume } from "../../src/csi/gen/csi/v1/csi.ts";
import { copiedPercent } from "../../src/emulator/model/disk/copy/background-copy.ts";
import type { Disk } from "../../src/emulator/model/disk/disk.ts";
import type { Snapshot } from "../../src/emulator/model/disk/snapshot/snapshot.ts";
import { type AcknowledgedRecords, recordName } from "./acknowledged-records.ts";
import type { Violation } from "./violation.ts";

/** The volumes that CreateVolume has made of others, and of snapshots: each has its source's content. */
export interface CopyHistory {
  /** CreateVolume is about to be called. */
  begins(request: CreateRequest): void;
  /** CreateVolume has answered a volume. */
  answered(request: CreateRequest, volume: Volume): void;
  /** DeleteVolume or DeleteSnapshot is about to be called for what may be a source. */
  deletionBegins(resourceUri: string): void;
  /** That call has succeeded: nothing may need the source any more. */
  deleted(resourceUri: string): void;
  /** Whether what Azure has of the source is a reason for that refusal of a copy. */
  mayRefuse(request: CreateRequest, code: string): boolean;
}

type CreateRequest = Pick<CreateVolumeRequest, "name" | "volumeContentSource" | "capacityRange">;

/** What the history may look at. */
export interface CopySight {
  readonly disks: ReadonlyMap<string, Disk>;
  readonly snapshots: ReadonlyMap<string, Snapshot>;
  readonly nowMs: () => number;
  /** What is on a disk or snapshot. */
  readonly contentOf: (resourceUri: string) => Pick<ModelDisk, "content" | "files"> | undefined;
  readonly records: Pick<AcknowledgedRecords, "texts" | "inherit">;
  /** The name of the volume that has a disk. */
  readonly volumeNameOf: (diskUri: string) => string;
  readonly report: (violation: Omit<Violation, "atMs">) => void;
}

const NOT_MADE: readonly string[] = ["Creating", "Failed", "Canceled"];

/** What a source was before the first CreateVolume of its copy. */
interface Source {
  readonly uri: string;
  readonly content: string;
  /** Otherwise a first format may have been under way. */
  readonly hasFileSystem: boolean;
  /** Of a volume: how many records its containers knew to be on disk. */
  readonly acknowledged: number;
  /** Of a snapshot, which never changes: its records. */
  readonly records: readonly string[] | undefined;
}

/** A history without copies. */
export function createCopyHistory(sight: CopySight): CopyHistory {
  const sources = new Map<string, Source>();
  /** The disks of the copies that were answered, by name. */
  const answered = new Map<string, string>();
  /** The copies that were answered before the first call to delete a source, by the source. */
  const before = new Map<string, readonly string[]>();
  const wrong = (detail: string): void => sight.report({ invariant: "copy-broken", detail });
  const contentOf = (uri: string): string => JSON.stringify(sight.contentOf(uri)?.content ?? "none");

  /** The records on a disk or snapshot, from the first to the first one that is missing. */
  function recordsOn(uri: string): readonly string[] {
    const files = sight.contentOf(uri)?.files;
    const records: string[] = [];
    for (
      let text = files?.get(recordName(0));
      text !== undefined;
      text = files?.get(recordName(records.length))
    )
      records.push(text);
    return records;
  }

  function judgeContent(name: string, source: Source, copied: readonly string[]): void {
    const known = source.records ?? sight.records.texts(sight.volumeNameOf(source.uri));
    const least = source.records?.length ?? source.acknowledged;
    if (copied.length < least)
      return wrong(
        `${name} has ${copied.length} records, and its source had synced ${least} before the copy`,
      );
    if (source.records !== undefined && copied.length > least)
      return wrong(`${name} has ${copied.length} records, and its snapshot has ${least}`);
    // The last record of a volume may have been on its way, and was then written again.
    const sure = source.records === undefined ? Math.max(least, copied.length - 1) : least;
    const at = copied.findIndex((text, number) => number < sure && text !== known[number]);
    if (at !== -1) wrong(`${name} has "${copied[at]}" where its source has "${known[at]}" as record ${at}`);
  }

  function percentOf(diskUri: string): number | undefined {
    const disk = sight.disks.get(resourceUriKey(diskUri));
    return disk === undefined ? undefined : copiedPercent(disk.copy, sight.nowMs());
  }

  return {
    begins: ({ name, volumeContentSource }) => {
      const uri = sourceUriOf(volumeContentSource);
      if (uri === undefined || sources.has(name)) return;
      const isSnapshot = volumeContentSource?.type?.$case === "snapshot";
      sources.set(name, {
        uri,
        content: contentOf(uri),
        hasFileSystem: sight.contentOf(uri)?.content.kind === "fileSystem",
        acknowledged: isSnapshot ? 0 : sight.records.texts(sight.volumeNameOf(uri)).length,
        records: isSnapshot ? recordsOn(uri) : undefined,
      });
    },
    answered: ({ name }, { volumeId }) => {
      const source = sources.get(name);
      if (source === undefined || answered.has(name)) return;
      answered.set(name, volumeId);
      const disk = sight.disks.get(resourceUriKey(volumeId));
      if (disk === undefined) return wrong(`${name} is answered, and is not in Azure`);
      if (NOT_MADE.includes(disk.provisioningState))
        return wrong(`${name} is answered, and Azure shows it as ${disk.provisioningState}`);
      if (source.hasFileSystem && contentOf(volumeId) !== source.content)
        return wrong(`${name} has ${contentOf(volumeId)}, and its source had ${source.content}`);
      const copied = recordsOn(volumeId);
      judgeContent(name, source, copied);
      sight.records.inherit(name, copied);
    },
    deletionBegins: (resourceUri) => {
      const key = resourceUriKey(resourceUri);
      const copies = [...answered.keys()].filter(
        (name) => resourceUriKey(sources.get(name)?.uri ?? "") === key,
      );
      if (!before.has(key)) before.set(key, copies);
    },
    deleted: (resourceUri) => {
      for (const name of before.get(resourceUriKey(resourceUri)) ?? []) {
        const copyUri = answered.get(name) ?? "";
        // Deleted itself, a copy needs its source no more.
        if (before.has(resourceUriKey(copyUri))) continue;
        const percent = percentOf(copyUri);
        if (percent !== undefined && percent < 100)
          wrong(`${name} is filled to ${percent} %, and its source ${resourceUri} is deleted`);
      }
    },
    mayRefuse: ({ volumeContentSource, capacityRange }, code) => {
      const uri = sourceUriOf(volumeContentSource);
      if (uri === undefined) return false;
      const snapshot = sight.snapshots.get(resourceUriKey(uri));
      const disk = sight.disks.get(resourceUriKey(uri));
      const sizeGiB = snapshot?.sizeGiB ?? disk?.spec.sizeGiB ?? 0;
      if (code === "NOT_FOUND") return snapshot === undefined && disk === undefined;
      return code === "OUT_OF_RANGE" && gibToBytes(sizeGiB) > (capacityRange?.requiredBytes ?? 0n);
    },
  };
}

function sourceUriOf(source: CreateVolumeRequest["volumeContentSource"]): string | undefined {
  const { type } = source ?? {};
  return type?.$case === "snapshot" ? type.value.snapshotId : type?.value.volumeId;
}
