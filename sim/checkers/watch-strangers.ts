import { asKind } from "../../src/adapters/object-semantics/stored-object.ts";
import type { SimulatedStore } from "../../src/adapters/simulated-store/simulated-store.ts";
import { isSameResourceUri } from "../../src/core/azure/ids/disk-uri.ts";
import { type Json, listAt, textAt } from "../../src/emulator/model/api/json.ts";
import type { SimAzure } from "../azure/sim-azure.ts";
import { BYSTANDER, NEIGHBOUR } from "../azure/strangers.ts";
import { instanceUriOf } from "../azure/vm-names.ts";
import { type CallsJournal, type JournalWatch, readerOf } from "../history/journal-reader.ts";
import type { Violation } from "../history/violation.ts";
import { OUTSIDER } from "../history/vm-changes.ts";
import { diskName } from "./watch-writers.ts";

const NO_CONTENT = 204;

/**
 * Resources of other clusters stay as they are, whether or not their driver runs in the simulation, and so do
 * disks that a person has made under the names of volumes' disks. The driver sends no request that would
 * change another cluster's disk or VM, whatever Azure answers, and adopts none; none of their disks moves
 * to, from or by a machine of this cluster. The driver sends nothing to VMs that are not nodes: a disk
 * that a person attached there stays until a person detaches it.
 */
export function watchStrangers(world: {
  readonly azure: Pick<SimAzure, "onDiskEvent" | "isOthers">;
  readonly store: Pick<SimulatedStore, "onCommit">;
  readonly journal: CallsJournal<"kind" | "method" | "path" | "caller" | "body" | "status">;
  readonly report: (violation: Omit<Violation, "atMs">) => void;
}): JournalWatch {
  const { report, azure } = world;
  const read = readerOf(world.journal);

  world.store.onCommit((commit) => {
    if (commit.kind !== "AzVolume" || commit.after === undefined) return;
    const { metadata, spec, status } = asKind<"AzVolume">(commit.after);
    const diskUri = status?.detail?.diskUri ?? spec.diskUri ?? "";
    const before = commit.before && asKind<"AzVolume">(commit.before);
    // A disk that was the volume's own may be gone, and have given its name to another client's.
    const isNew = !isSameResourceUri(before?.status?.detail?.diskUri ?? before?.spec.diskUri ?? "", diskUri);
    if (isNew && azure.isOthers(diskUri))
      report({
        invariant: "neighbour-touched",
        detail: `${commit.by} made AzVolume ${metadata.name} of another cluster's ${diskName(diskUri)}`,
      });
  });

  azure.onDiskEvent(({ kind, diskUri, machine: { nodeName } }) => {
    if (!azure.isOthers(diskUri) || (kind === "wrote" && nodeName === NEIGHBOUR)) return;
    report({
      invariant: "neighbour-touched",
      detail: `another cluster's ${diskName(diskUri)}: ${kind}, ${nodeName}`,
    });
  });

  return {
    look: () => {
      for (const { sequence, kind, method, path, caller, body, status } of read()) {
        if (kind !== "arm" || method === "GET" || caller === OUTSIDER) continue;
        // Its name was no resource's.
        if (method === "DELETE" && status === NO_CONTENT) continue;
        const call = `${caller ?? "an unknown caller"} requested ${method} ${diskName(path)}`;
        // A disk that the cluster has deleted may have given its name to another cluster's since.
        const wasOthers = (uri: string): boolean => azure.isOthers(uri, sequence);
        const about = [path, ...disksIn(body)].filter((named) => isAboutOthers(named, wasOthers));
        if (about.length > 0)
          report({
            invariant: "neighbour-touched",
            detail: `${call}, which is about ${about.map(diskName).join(", ")} of another cluster`,
          });
        if (isAbout(path, instanceUriOf(BYSTANDER)))
          report({ invariant: "bystander-cut-off", detail: `${call}, and that VM is no node` });
      }
    },
  };
}

/** A resource, or an action on it, such as `…/attachDetachDataDisks`. */
function isAboutOthers(path: string, isOthers: (resourceUri: string) => boolean): boolean {
  return isOthers(path) || isOthers(path.slice(0, path.lastIndexOf("/")));
}

function isAbout(path: string, resourceUri: string): boolean {
  return (
    isSameResourceUri(path, resourceUri) ||
    isSameResourceUri(path.slice(0, path.lastIndexOf("/")), resourceUri)
  );
}

/** The disks that a change of a VM, or a creation, names. */
function disksIn(body: Json | undefined): readonly string[] {
  const dataDisks = listAt(body, "properties", "storageProfile", "dataDisks") ?? [];
  const moved = [...(listAt(body, "dataDisksToAttach") ?? []), ...(listAt(body, "dataDisksToDetach") ?? [])];
  const source = textAt(body, "properties", "creationData", "sourceResourceId");
  return [
    ...dataDisks.map((entry) => textAt(entry, "managedDisk", "id") ?? ""),
    ...moved.map((entry) => textAt(entry, "diskId") ?? ""),
    ...(source === undefined ? [] : [source]),
  ];
}
