import { parseSnapshotUri } from "../../core/azure/ids/snapshot-uri.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { fromTimestamp } from "../../core/primitives/timestamp.ts";
import type {
  CreateSnapshotRequest,
  SnapshotFacts,
  SnapshotProvisioner,
} from "../../ports/cloud/snapshot-provisioner.ts";
import { aDiskUri } from "./objects.ts";

/** Snapshots in memory, and the requests that created them; each is a second younger than the one before. */
export interface FakeSnapshots extends SnapshotProvisioner {
  readonly present: Map<string, SnapshotFacts>;
  /** What Azure does with a snapshot by itself. */
  change(snapshotUri: string, changes: Partial<SnapshotFacts>): void;
  readonly created: CreateSnapshotRequest[];
}

const FIRST_MS = fromTimestamp("2026-01-01T00:00:00.000Z");

/** A complete snapshot of disk `pvc-1`, made at the beginning of 2026. */
export function aSnapshot(changes: Partial<SnapshotFacts> = {}): SnapshotFacts {
  return {
    snapshotUri: aSnapshotUri("snapshot-1"),
    sourceUri: aDiskUri(),
    location: "eastus",
    sizeGiB: 10,
    isIncremental: true,
    sectorSizeBytes: 512,
    tags: {},
    createdAtMs: FIRST_MS,
    state: "Succeeded",
    isTaken: true,
    isRestorable: true,
    isBeingCopied: false,
    copyError: undefined,
    ...changes,
  };
}

/** The resource id of a snapshot beside disk `pvc-1`. */
export function aSnapshotUri(name: string): string {
  return aDiskUri(name).replace("/disks/", "/snapshots/");
}

/** An Azure whose snapshots are complete at once; a copy from another region when a test says so. */
export function createFakeSnapshots(...given: readonly SnapshotFacts[]): FakeSnapshots {
  const present = new Map(given.map((snapshot) => [snapshot.snapshotUri.toLowerCase(), snapshot]));
  const created: CreateSnapshotRequest[] = [];
  let made = 0;
  return {
    present,
    created,
    change: (snapshotUri, changes) => {
      const found = present.get(snapshotUri.toLowerCase());
      if (found === undefined) throw new Error(`there is no ${snapshotUri}`);
      present.set(snapshotUri.toLowerCase(), { ...found, ...changes });
    },
    createSnapshot: async (request, signal) => {
      const found = present.get(request.snapshotUri.toLowerCase());
      const objection = found === undefined ? undefined : request.objection(found);
      if (objection !== undefined) return fail(objection);
      const isToBeMade = found === undefined || (found.state === "Failed" && !found.isTaken);
      const noted = isToBeMade ? await request.note?.write(signal) : undefined;
      if (noted?.ok === false) return noted;
      created.push(request);
      if (found?.isTaken === true) return ok(found);
      const { snapshotUri, sourceUri, location, isIncremental, tags } = request;
      const isRestorable = parseSnapshotUri(sourceUri) === undefined;
      if (!isRestorable && present.get(sourceUri.toLowerCase())?.isRestorable !== true)
        return fail({ kind: "SnapshotNotFound", snapshotUri: sourceUri });
      const createdAtMs = FIRST_MS + made++ * 1000;
      const what = { snapshotUri, sourceUri, location, isIncremental, tags };
      const snapshot = aSnapshot({ ...what, createdAtMs, isRestorable });
      present.set(snapshotUri.toLowerCase(), snapshot);
      return ok(snapshot);
    },
    tagSnapshot: async ({ snapshotUri, tags, objection }) => {
      const found = present.get(snapshotUri.toLowerCase());
      if (found === undefined) return fail({ kind: "SnapshotNotFound", snapshotUri });
      const refused = objection(found);
      if (refused !== undefined) return fail(refused);
      const tagged = { ...found, tags: { ...found.tags, ...tags } };
      present.set(snapshotUri.toLowerCase(), tagged);
      return ok(tagged);
    },
    deleteSnapshot: async ({ snapshotUri, objection }) => {
      const found = present.get(snapshotUri.toLowerCase());
      const refused = found === undefined ? undefined : objection(found);
      if (refused !== undefined) return fail(refused);
      present.delete(snapshotUri.toLowerCase());
      return ok(undefined);
    },
    getSnapshot: async ({ snapshotUri }) => {
      const found = present.get(snapshotUri.toLowerCase());
      return found === undefined ? fail({ kind: "SnapshotNotFound", snapshotUri }) : ok(found);
    },
    listSnapshots: async ({ resourceGroup = "rg" }) =>
      ok([...present.values()].filter((snapshot) => isIn(snapshot, resourceGroup))),
  };
}

function isIn({ snapshotUri }: SnapshotFacts, resourceGroup: string): boolean {
  return parseSnapshotUri(snapshotUri)?.resourceGroup.toLowerCase() === resourceGroup.toLowerCase();
}
