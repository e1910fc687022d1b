import { copySourceUriOf } from "../../src/core/azure/ids/copy-source-uri.ts";
import { resourceUriKey } from "../../src/core/azure/ids/disk-uri.ts";
import type { CreateSnapshotRequest, Snapshot } from "../../src/csi/gen/csi/v1/csi.ts";
import {
  completionPercent,
  type Snapshot as AzureSnapshot,
} from "../../src/emulator/model/disk/snapshot/snapshot.ts";
import type { Violation } from "./violation.ts";

/** What was answered of snapshots: the same one each time, with the content of its moment. */
export interface SnapshotHistory {
  /** CreateSnapshot is about to be called. */
  begins(request: Pick<CreateSnapshotRequest, "name" | "sourceVolumeId" | "parameters">): void;
  /** CreateSnapshot has answered. */
  answered(name: string, snapshot: Snapshot | undefined): void;
  /** DeleteSnapshot has succeeded. */
  deleted(snapshotUri: string): void;
  /** Snapshots that were answered and not deleted since, and are not what they were; a sentence each. */
  readonly broken: () => readonly string[];
}

/** What the history may look at. */
export interface SnapshotSight {
  readonly snapshots: ReadonlyMap<string, AzureSnapshot>;
  readonly nowMs: () => number;
  /** What is on a disk or snapshot, by file name. */
  readonly filesOf: (resourceUri: string) => ReadonlyMap<string, string> | undefined;
  /** Why a snapshot is not of a frozen file system, a sentence each; empty: it is. */
  readonly whyUnfrozen: (snapshotUri: string) => readonly string[];
  /** The files that a volume certainly has now: the records that were acknowledged. */
  readonly acknowledged: (diskUri: string) => ReadonlyMap<string, string>;
  readonly report: (violation: Omit<Violation, "atMs">) => void;
}

/** What is known of one snapshot. */
interface Known {
  readonly snapshotUri: string;
  readonly takenAt: string;
  readonly content: string;
  readonly isReady: boolean;
}

/** A history without snapshots. */
export function createSnapshotHistory(sight: SnapshotSight): SnapshotHistory {
  /** Before the first CreateSnapshot of each name. */
  const acknowledgedBefore = new Map<string, ReadonlyMap<string, string>>();
  /** The names of those whose class asks for a freeze. */
  const frozen = new Set<string>();
  /** The names of those that are restored while Azure copies them. */
  const instant = new Set<string>();
  const known = new Map<string, Known>();
  const wrong = (detail: string): void => sight.report({ invariant: "snapshot-broken", detail });
  const inAzure = (uri: string | undefined): AzureSnapshot | undefined =>
    sight.snapshots.get(resourceUriKey(uri ?? ""));
  const sourceOf = (uri: string): string => copySourceUriOf(uri) ?? "";
  const filesOf = (uri: string): ReadonlyMap<string, string> =>
    sight.filesOf(uri) ?? sight.filesOf(sourceOf(uri)) ?? new Map();
  const contentOf = (uri: string): string => JSON.stringify(Object.fromEntries(filesOf(uri)));

  /** Azure fails one that it still copies where its disk grows. With instant access it was ready before. */
  function isComplete(name: string, uri: string): boolean {
    const snapshot = inAzure(uri);
    if (snapshot?.provisioningState !== "Succeeded") return false;
    return instant.has(name) || completionPercent(snapshot, sight.nowMs()) === 100;
  }

  function judgeFirst(name: string, { snapshotUri }: Known): void {
    const files = filesOf(snapshotUri);
    const missing = [...(acknowledgedBefore.get(name) ?? [])].find(
      ([file, text]) => files.get(file) !== text,
    );
    if (missing !== undefined)
      wrong(`${name} lacks ${missing[0]} of its volume, which was acknowledged before CreateSnapshot`);
    const unfrozen = frozen.has(name) ? sight.whyUnfrozen(snapshotUri) : [];
    for (const why of unfrozen) wrong(`${name} is answered as of a frozen file system, and ${why}`);
    for (const [other, { snapshotUri: taken }] of known)
      if (resourceUriKey(taken) === resourceUriKey(snapshotUri) && other !== name)
        wrong(`CreateSnapshot of ${name} answered the snapshot of ${other}`);
  }

  return {
    begins: ({ name, sourceVolumeId, parameters }) => {
      if (parameters["fileSystemFreezeSeconds"] !== undefined) frozen.add(name);
      if (parameters["instantAccessDurationMinutes"] !== undefined) instant.add(name);
      if (!acknowledgedBefore.has(name)) acknowledgedBefore.set(name, sight.acknowledged(sourceVolumeId));
    },
    answered: (name, snapshot) => {
      if (snapshot === undefined || snapshot.snapshotId === "")
        return wrong(`CreateSnapshot of ${name} answered without a snapshot`);
      const { snapshotId: snapshotUri, creationTime, readyToUse: isReady } = snapshot;
      const takenAt = `${creationTime?.seconds ?? ""}.${creationTime?.nanos ?? ""}`;
      const now: Known = { snapshotUri, takenAt, content: contentOf(snapshotUri), isReady };
      const before = known.get(name);
      if (before === undefined) judgeFirst(name, now);
      else if (before.snapshotUri !== snapshotUri || before.takenAt !== takenAt)
        wrong(`${name} was ${before.snapshotUri} of ${before.takenAt}, and is ${snapshotUri} of ${takenAt}`);
      else if (before.content !== now.content) wrong(`${name} has another content than when it was answered`);
      else if (before.isReady && !isReady) wrong(`${name} was ready, and is not any more`);
      if (isReady && !isComplete(name, snapshotUri))
        wrong(`${name} is answered ready, and is not complete in Azure`);
      if (isReady && inAzure(sourceOf(snapshotUri)) !== undefined)
        wrong(`${name} is answered ready, and its source is still in Azure`);
      known.set(name, now);
    },
    deleted: (snapshotUri) => {
      for (const uri of [snapshotUri, sourceOf(snapshotUri)])
        if (inAzure(uri) !== undefined) wrong(`DeleteSnapshot succeeded, and ${uri} is still in Azure`);
      for (const [name, { snapshotUri: taken }] of known)
        if (resourceUriKey(taken) === resourceUriKey(snapshotUri)) known.delete(name);
    },
    broken: () =>
      [...known].flatMap(([name, { snapshotUri, content, isReady }]) => {
        if (!isReady) return [];
        if (!isComplete(name, snapshotUri))
          return [`${name} was answered ready, and is not complete in Azure`];
        return contentOf(snapshotUri) === content ? [] : [`${name} has another content than it was answered`];
      }),
  };
}
