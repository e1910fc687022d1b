import { resourceUriKey } from "../../src/core/azure/disk-uri.ts";
import type { JournalEntry } from "../../src/emulator/model/api/journal.ts";
import { type Json, listAt, textAt } from "../../src/emulator/model/api/json.ts";

/** Who changes VMs and disks past the driver, in Azure's journal. */
export const OUTSIDER = "outsider";
const VM = /^.*\/virtualMachines\/[^/?]+/iu;

/** Azure's journal, as far as it tells of changes of VMs. */
export interface VmJournal {
  since(
    sequence: number,
  ): readonly Pick<
    JournalEntry,
    "sequence" | "atMs" | "kind" | "method" | "path" | "status" | "caller" | "body"
  >[];
}

/**
 * Who has changed which VM, and what others than the driver want taken off. VMs are told apart by their
 * resource ids, in any case: a node's name may be another VM's by now.
 */
export interface VmChanges {
  /** Whose change of the VM Azure took last; undefined: nobody's. */
  lastBy(instanceUri: string): string | undefined;
  /** When that was, in milliseconds of Azure's clock; undefined: there was none. */
  lastAtMs(instanceUri: string): number | undefined;
  /**
   * Whether others have asked for that very disk to be taken off that VM, and nobody has forced it: where
   * their detach has failed, the disk stays, marked, until the next change of the VM.
   */
  isAskedAway(instanceUri: string, diskUri: string): boolean;
  /** The disk has come to the VM, or has left it: what was asked before is over. */
  forget(instanceUri: string, diskUri: string): void;
}

/** What the journal tells; it is read on with each question. */
export function createVmChanges(journal: VmJournal): VmChanges {
  const last = new Map<string, { readonly caller: string; readonly atMs: number }>();
  /** What others want taken off a VM, until it is. */
  const askedAway = new Set<string>();
  let seen = 0;

  function readOn(): void {
    for (let entries = journal.since(seen); entries.length > 0; entries = journal.since(seen)) {
      for (const { sequence, atMs, kind, method, path, status, caller, body } of entries) {
        seen = sequence;
        const instanceUri = VM.exec(path)?.[0];
        if (kind !== "arm" || method === "GET" || status >= 300 || instanceUri === undefined) continue;
        last.set(resourceUriKey(instanceUri), { caller: caller ?? "", atMs });
        if (caller === OUTSIDER)
          for (const diskUri of detachesIn(body)) askedAway.add(placeOf(instanceUri, diskUri));
        else for (const diskUri of forcedIn(body)) askedAway.delete(placeOf(instanceUri, diskUri));
      }
    }
  }

  return {
    lastBy: (instanceUri) => {
      readOn();
      return last.get(resourceUriKey(instanceUri))?.caller;
    },
    lastAtMs: (instanceUri) => {
      readOn();
      return last.get(resourceUriKey(instanceUri))?.atMs;
    },
    isAskedAway: (instanceUri, diskUri) => {
      readOn();
      return askedAway.has(placeOf(instanceUri, diskUri));
    },
    forget: (instanceUri, diskUri) => {
      readOn();
      askedAway.delete(placeOf(instanceUri, diskUri));
    },
  };
}

function placeOf(instanceUri: string, diskUri: string): string {
  return `${resourceUriKey(instanceUri)} ${resourceUriKey(diskUri)}`;
}

/** The disks that a call of `attachDetachDataDisks` asks to be taken off. */
function detachesIn(body: Json | undefined): readonly string[] {
  const { dataDisksToDetach = [] } = (body ?? {}) as {
    readonly dataDisksToDetach?: readonly { readonly diskId: string }[];
  };
  return dataDisksToDetach.map(({ diskId }) => diskId);
}

/**
 * The disks that a change of a VM takes off by force: that is a deed of its own, where the detach that
 * somebody asked for is only slow.
 */
export function forcedIn(body: Json | undefined): readonly string[] {
  const dataDisks = listAt(body, "properties", "storageProfile", "dataDisks") ?? [];
  return dataDisks
    .filter((entry) => textAt(entry, "detachOption") === "ForceDetach")
    .map((entry) => textAt(entry, "managedDisk", "id") ?? "");
}
