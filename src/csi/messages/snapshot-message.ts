import { gibToBytes } from "../../core/primitives/units.ts";
import type { SnapshotFacts } from "../../ports/cloud/snapshot-provisioner.ts";
import type { Snapshot } from "../gen/csi/v1/csi.ts";
import type { Timestamp } from "../gen/google/protobuf/timestamp.ts";
import { sourceVolumeOf, takenAtMs } from "./snapshot-identity.ts";

export function snapshotMessage(snapshot: SnapshotFacts): Snapshot {
  const createdAtMs = takenAtMs(snapshot);
  return {
    snapshotId: snapshot.snapshotUri,
    sourceVolumeId: sourceVolumeOf(snapshot),
    sizeBytes: gibToBytes(snapshot.sizeGiB),
    creationTime: createdAtMs === undefined ? undefined : timestampOf(createdAtMs),
    readyToUse: snapshot.isRestorable,
    groupSnapshotId: "",
    accessibleTopology: [],
  };
}

const MS_PER_SECOND = 1000;
const NS_PER_MS = 1_000_000;

function timestampOf(epochMs: number): Timestamp {
  const seconds = Math.floor(epochMs / MS_PER_SECOND);
  return { seconds: BigInt(seconds), nanos: (epochMs - seconds * MS_PER_SECOND) * NS_PER_MS };
}
