import { includesNode, isSameNode, type NodeKey } from "../core/api/identity/node-identity.ts";
import { resourceUriKey } from "../core/azure/ids/disk-uri.ts";
import type { CandidateNode, PodVolume } from "../core/schedule/pod-volume.ts";
import { cloneTopology } from "../core/volume/copies/copy-source.ts";
import { silentAfterMs } from "../core/writer/node-silence.ts";
import type { Clock } from "../ports/clock.ts";
import type { SourceCache } from "../ports/store/source-cache.ts";
import { AbsentPlugIns } from "./absent-plug-ins.ts";
import type {
  AttachmentFacts,
  ClaimFacts,
  NodeFacts,
  PersistentVolumeFacts,
  StorageClassFacts,
  VolumeFacts,
} from "./facts.ts";
import type { ClaimReference, VolumeReference } from "./pod-request.ts";

/**
 * How old the answer to "is its heartbeat still moving?" may be: judging every node in every request
 * would cost as much as the rest of it.
 */
const HEALTH_AGE_MAX_MS = 1_000;

/**
 * How long a request waits for what a scheduler's watches have brought and this process's have not, in
 * milliseconds: of the second that the chart gives the extender, and the scheduler handles no other pod.
 */
export const SEEN_MAX_MS = 300;

/** The caches of the index, each kept up to date by a watch of its own. */
export interface PlacementCaches {
  readonly volumes: Pick<SourceCache<VolumeFacts, "diskKey">, "byIndex" | "onChange">;
  readonly attachments: Pick<SourceCache<AttachmentFacts, "diskKey">, "byIndex" | "onChange">;
  readonly nodes: Pick<SourceCache<NodeFacts>, "get" | "onChange" | "watchedUnchangedMs">;
  readonly claims: Pick<SourceCache<ClaimFacts>, "get" | "onChange">;
  readonly persistentVolumes: Pick<SourceCache<PersistentVolumeFacts>, "get" | "onChange">;
  readonly storageClasses: Pick<SourceCache<StorageClassFacts>, "get" | "onChange">;
}

/**
 * What this process knows of volumes and nodes, arranged so that a request costs its pod's volumes and
 * its nodes' names.
 */
export interface PlacementIndex {
  /**
   * Those of the volumes that are this driver's, as they are now; one that is to be created for the pod
   * is among them.
   */
  podVolumes(references: readonly VolumeReference[]): readonly PodVolume[];
  /**
   * The claims among them that the watches have not brought yet, or whose class or PersistentVolume they have
   * not: a scheduler asks only about pods whose claims it knows itself.
   */
  unseenClaims(references: readonly VolumeReference[]): readonly string[];
  /** Waits until there are none, `signal` is aborted, or the limit for it has passed. */
  untilSeen(references: readonly VolumeReference[], signal: AbortSignal): Promise<void>;
  /** The node of that name; undefined where no node plug-in has registered. */
  findNode(nodeName: string): CandidateNode | undefined;
  /** The nodes of those names, in their order. */
  findNodes(names: readonly string[]): readonly (CandidateNode | undefined)[];
  /**
   * Whether a node has been looked up without a plug-in for so long that none will register there. Never
   * where no node has one: then this process may be looking in the wrong place.
   */
  lacksPlugIn(nodeName: string): boolean;
  /**
   * Has to be called before a request is answered: judges the nodes' heartbeats again if that was not
   * done lately.
   */
  refreshHealth(): void;
}

function newVolume(where: Pick<PodVolume, "disk" | "clone">): PodVolume {
  return { ...where, barred: [], drawsToWriter: true, writer: undefined, attachments: new Map() };
}

/** An index over caches that have not been run yet: it must see their first list. */
export function createPlacementIndex(options: {
  readonly caches: PlacementCaches;
  /** As in `VolumeSettings`. */
  readonly heartbeatStaleMs: number;
  readonly clock: Clock;
}): PlacementIndex {
  const { caches, heartbeatStaleMs, clock } = options;
  const candidates = new Map<string, CandidateNode>();
  const absentPlugIns = new AbsentPlugIns(clock);
  const firmAttachments = new Map<string, number>();
  /** The VMs that volumes are barred from, by node name: once for each volume. Seldom any. */
  const barredVms = new Map<string, readonly NodeKey[]>();
  let judgedAtMs = Number.NEGATIVE_INFINITY;

  caches.nodes.onChange(({ key, current }) => {
    if (current === undefined) candidates.delete(key);
    else candidates.set(key, candidateOf(current));
    absentPlugIns.forget(key);
  });

  caches.attachments.onChange(({ previous, current }) => {
    if (previous?.isFirm === true) countFirm(previous.nodeName, -1);
    if (current?.isFirm === true) countFirm(current.nodeName, 1);
  });

  caches.volumes.onChange(({ previous, current }) => {
    if (previous?.barred === current?.barred) return;
    for (const node of previous?.barred ?? [])
      setBarred(node.nodeName, withoutFirst(barredVms.get(node.nodeName) ?? [], node));
    for (const node of current?.barred ?? [])
      setBarred(node.nodeName, [...(barredVms.get(node.nodeName) ?? []), node]);
  });

  function setBarred(nodeName: string, vms: readonly NodeKey[]): void {
    if (vms.length === 0) barredVms.delete(nodeName);
    else barredVms.set(nodeName, vms);
    const candidate = candidates.get(nodeName);
    if (candidate !== undefined)
      candidates.set(nodeName, { ...candidate, isQuarantined: isQuarantined(candidate) });
  }

  function isQuarantined(node: NodeKey): boolean {
    return includesNode(barredVms.get(node.nodeName) ?? [], node);
  }

  function countFirm(nodeName: string, change: 1 | -1): void {
    const count = (firmAttachments.get(nodeName) ?? 0) + change;
    if (count === 0) firmAttachments.delete(nodeName);
    else firmAttachments.set(nodeName, count);
    const candidate = candidates.get(nodeName);
    if (candidate !== undefined) candidates.set(nodeName, { ...candidate, firmAttachments: count });
  }

  function candidateOf(facts: NodeFacts): CandidateNode {
    const { name } = facts.metadata;
    const { vmId, location, zone, platform, volumesMax } = facts;
    return {
      nodeName: name,
      vmId,
      location,
      zone,
      platform,
      volumesMax,
      health: healthOf(facts),
      firmAttachments: firmAttachments.get(name) ?? 0,
      isQuarantined: isQuarantined({ nodeName: name, vmId }),
    };
  }

  function healthOf(facts: NodeFacts): CandidateNode["health"] {
    if (!facts.isReady) return "not-ready";
    const unchangedMs = caches.nodes.watchedUnchangedMs(facts.metadata.name) ?? 0;
    return unchangedMs >= silentAfterMs({ heartbeatStaleMs }, facts) ? "silent" : "healthy";
  }

  function podVolumeOf(diskKey: string, { isPodsOwn }: { readonly isPodsOwn: boolean }): PodVolume {
    const volume = caches.volumes.byIndex("diskKey", diskKey)[0];
    const attachments = caches.attachments.byIndex("diskKey", diskKey);
    return {
      disk: volume?.disk,
      barred: volume?.barred ?? [],
      drawsToWriter: !isPodsOwn && (volume?.isSingleWriter ?? true),
      writer: volume?.writer,
      attachments: new Map(attachments.map((attachment) => [attachment.nodeName, attachment])),
    };
  }

  function podVolumeOfClaim({ claimKey, isPodsOwn }: ClaimReference): PodVolume | undefined {
    const claim = caches.claims.get(claimKey);
    if (claim === undefined) return undefined;
    if (claim.volumeName === "") {
      const storageClass = caches.storageClasses.get(claim.className);
      return storageClass?.isOurs === true ? newVolume(placeOfNew(claimKey, claim, storageClass)) : undefined;
    }
    const diskKey = caches.persistentVolumes.get(claim.volumeName)?.diskKey ?? "";
    return diskKey === "" ? undefined : podVolumeOf(diskKey, { isPodsOwn });
  }

  /** Where a new volume will be: at its source, or anywhere; on nodes of its platform. */
  function placeOfNew(
    claimKey: string,
    { sourceClaim, isBlock, hasAttributesClass }: ClaimFacts,
    { skuName, platform: mountedBy }: StorageClassFacts,
  ): Pick<PodVolume, "disk" | "clone"> {
    const platform = isBlock ? "linux" : mountedBy;
    const source = hasAttributesClass ? undefined : diskOfClaim(sourceClaim);
    if (source?.zones === undefined)
      return { disk: { location: "", skuName: "", zones: undefined, platform } };
    const { location, zones } = source;
    const { disk, place } = cloneTopology({ location, zones }, { skuName, platform });
    return { disk, clone: { claim: claimKey, sourceClaim, place } };
  }

  /** Undefined: the claim has no volume of this driver, or its disk has not been read. */
  function diskOfClaim(claimKey: string): PodVolume["disk"] {
    const { volumeName = "" } = caches.claims.get(claimKey) ?? {};
    const diskKey = caches.persistentVolumes.get(volumeName)?.diskKey ?? "";
    return diskKey === "" ? undefined : caches.volumes.byIndex("diskKey", diskKey)[0]?.disk;
  }

  function isUnseen(claimKey: string): boolean {
    const claim = caches.claims.get(claimKey);
    if (claim === undefined) return true;
    const { volumeName, className } = claim;
    if (volumeName !== "") return caches.persistentVolumes.get(volumeName) === undefined;
    return className !== "" && caches.storageClasses.get(className) === undefined;
  }

  function unseenClaims(references: readonly VolumeReference[]): readonly string[] {
    return references.flatMap((reference) =>
      reference.kind === "claim" && isUnseen(reference.claimKey) ? [reference.claimKey] : [],
    );
  }

  async function untilSeen(references: readonly VolumeReference[], signal: AbortSignal): Promise<void> {
    const seen = new AbortController();
    const over = AbortSignal.any([seen.signal, signal]);
    const look = (): void => {
      if (unseenClaims(references).length === 0) seen.abort();
    };
    const { claims, persistentVolumes, storageClasses } = caches;
    const stops = [claims.onChange(look), persistentVolumes.onChange(look), storageClasses.onChange(look)];
    look();
    try {
      await clock.sleep(SEEN_MAX_MS, over);
    } catch (error) {
      if (!over.aborted) throw error;
    } finally {
      for (const stop of stops) stop();
    }
  }

  /**
   * Without an AzVolume the index can't know whether the disk is this driver's, or another
   * installation's.
   */
  function podVolumeOfDisk(diskKey: string): PodVolume | undefined {
    return caches.volumes.byIndex("diskKey", diskKey).length === 0
      ? undefined
      : podVolumeOf(diskKey, { isPodsOwn: false });
  }

  return {
    podVolumes: (references) =>
      references.flatMap(
        (reference) =>
          (reference.kind === "claim"
            ? podVolumeOfClaim(reference)
            : podVolumeOfDisk(resourceUriKey(reference.diskUri))) ?? [],
      ),
    unseenClaims,
    untilSeen,
    findNode: (nodeName) => candidates.get(nodeName),
    findNodes: (names) =>
      names.map((nodeName) => {
        const found = candidates.get(nodeName);
        if (found === undefined) absentPlugIns.note(nodeName);
        return found;
      }),
    lacksPlugIn: (nodeName) => candidates.size > 0 && absentPlugIns.isLasting(nodeName),
    refreshHealth: () => {
      const nowMs = clock.elapsedMs();
      if (nowMs - judgedAtMs < HEALTH_AGE_MAX_MS) return;
      judgedAtMs = nowMs;
      for (const [nodeName, candidate] of candidates) {
        const facts = caches.nodes.get(nodeName);
        const health = facts === undefined ? candidate.health : healthOf(facts);
        if (health !== candidate.health) candidates.set(nodeName, { ...candidate, health });
      }
    },
  };
}

/** Several volumes may name the same VM. */
function withoutFirst(vms: readonly NodeKey[], node: NodeKey): readonly NodeKey[] {
  const at = vms.findIndex((other) => isSameNode(other, node));
  return at === -1 ? vms : vms.toSpliced(at, 1);
}
