import { resourceUriKey } from "../../src/core/azure/ids/disk-uri.ts";
import { type Json, listAt, textAt } from "../../src/emulator/model/api/json.ts";
import { type CallsJournal, readerOf } from "./journal-reader.ts";

/** The caller in Azure's journal that stands for all other clients. */
export const OUTSIDER = "outsider";
const VM = /^.*\/virtualMachines\/[^/?]+/iu;

/**
 * Who has changed which VM, and which detaches others than the driver have requested. VMs are identified
 * by their resource ids, in any case: a node's name may be another VM's by now.
 */
export interface VmChanges {
  /** The caller of the last change of the VM that Azure accepted; undefined if there was none. */
  lastBy(instanceUri: string): string | undefined;
  /** When that was, in milliseconds of Azure's clock; undefined if there was none. */
  lastAtMs(instanceUri: string): number | undefined;
  /**
   * Whether others have requested the detach of that very disk from that VM, without force: if their
   * detach has failed, the disk stays, marked, until the next change of the VM.
   */
  isDetachRequested(instanceUri: string, diskUri: string): boolean;
  /**
   * When the driver has first left that disk out of the VM's list, in milliseconds of Azure's clock.
   * Undefined: it has not, or has listed it again since. Azure may carry that out much later, with another
   * change.
   */
  driverDetachAtMs(instanceUri: string, diskUri: string): number | undefined;
  /** The disk was attached to the VM, or detached from it: earlier requests are over. */
  forget(instanceUri: string, diskUri: string): void;
}

/** The changes in the journal; each call continues reading it. */
export function createVmChanges(
  journal: CallsJournal<"atMs" | "kind" | "method" | "path" | "status" | "caller" | "body">,
): VmChanges {
  const last = new Map<string, { readonly caller: string; readonly atMs: number }>();
  /** Disks that others want detached from a VM, until they are. */
  const requestedDetaches = new Set<string>();
  /** The disks that a VM has by the last change of its list. */
  const listed = new Map<string, readonly string[]>();
  const driverDetaches = new Map<string, number>();
  const read = readerOf(journal);

  function readOn(): void {
    for (const { atMs, kind, method, path, status, caller, body } of read()) {
      const instanceUri = VM.exec(path)?.[0];
      if (kind !== "arm" || method === "GET" || status >= 300 || instanceUri === undefined) continue;
      last.set(resourceUriKey(instanceUri), { caller: caller ?? "", atMs });
      if (caller === OUTSIDER)
        for (const diskUri of detachesIn(body)) requestedDetaches.add(placeOf(instanceUri, diskUri));
      else for (const diskUri of forcedIn(body)) requestedDetaches.delete(placeOf(instanceUri, diskUri));
      noteList(instanceUri, stayingIn(body), caller === OUTSIDER ? undefined : atMs);
    }
  }

  /** Notes what a VM lists from now on. `atMs`: since when the driver has left the others out. */
  function noteList(
    instanceUri: string,
    staying: readonly string[] | undefined,
    atMs: number | undefined,
  ): void {
    if (staying === undefined) return;
    const vm = resourceUriKey(instanceUri);
    const before = listed.get(vm) ?? [];
    listed.set(vm, staying);
    for (const diskUri of staying) driverDetaches.delete(placeOf(instanceUri, diskUri));
    if (atMs === undefined) return;
    for (const diskUri of before.filter((known) => !staying.includes(known)))
      driverDetaches.set(placeOf(instanceUri, diskUri), atMs);
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
    isDetachRequested: (instanceUri, diskUri) => {
      readOn();
      return requestedDetaches.has(placeOf(instanceUri, diskUri));
    },
    driverDetachAtMs: (instanceUri, diskUri) => {
      readOn();
      return driverDetaches.get(placeOf(instanceUri, diskUri));
    },
    forget: (instanceUri, diskUri) => {
      readOn();
      requestedDetaches.delete(placeOf(instanceUri, diskUri));
      driverDetaches.delete(placeOf(instanceUri, diskUri));
    },
  };
}

function placeOf(instanceUri: string, diskUri: string): string {
  return `${resourceUriKey(instanceUri)} ${resourceUriKey(diskUri)}`;
}

/** The disks that a call of `attachDetachDataDisks` asks to be detached. */
function detachesIn(body: Json | undefined): readonly string[] {
  const { dataDisksToDetach = [] } = (body ?? {}) as {
    readonly dataDisksToDetach?: readonly { readonly diskId: string }[];
  };
  return dataDisksToDetach.map(({ diskId }) => diskId);
}

/** The keys of the disks that stay in a VM's list by a change; undefined: it leaves the list as it is. */
function stayingIn(body: Json | undefined): readonly string[] | undefined {
  return listAt(body, "properties", "storageProfile", "dataDisks")
    ?.filter((entry) => (entry as { readonly toBeDetached?: boolean }).toBeDetached !== true)
    .map((entry) => resourceUriKey(textAt(entry, "managedDisk", "id") ?? ""));
}

/**
 * The disks that a change of a VM detaches by force: an act of its own, even if another detach is only
 * slow.
 */
export function forcedIn(body: Json | undefined): readonly string[] {
  const dataDisks = listAt(body, "properties", "storageProfile", "dataDisks") ?? [];
  return dataDisks
    .filter((entry) => textAt(entry, "detachOption") === "ForceDetach")
    .map((entry) => textAt(entry, "managedDisk", "id") ?? "");
}
