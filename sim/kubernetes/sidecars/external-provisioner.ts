import { bytesToGibRoundedUp, gibToBytes } from "../../../src/core/primitives/units.ts";
import { deviceSettingPrefix } from "../../../src/core/volume/device/device-settings.ts";
import type {
  CreateVolumeRequest,
  Topology,
  Volume,
  VolumeContentSource,
} from "../../../src/csi/gen/csi/v1/csi.ts";
import type { Claim, PersistentVolume } from "../api/api-objects.ts";
import { createKeyedWork } from "../api/keyed-work.ts";
import { mayHaveHappened } from "../csi-outcome.ts";
import type { SimWorkload } from "../sim-cluster.ts";
import { contentSourceOf } from "./content-source.ts";
import { sidecarTimings } from "./sidecar-timings.ts";
import { callController, type Sidecar } from "./sidecar.ts";
import { volumeCapabilityOf } from "./volume-capability.ts";

const { timeoutMs, backoff } = sidecarTimings["csi-provisioner"];
/** The driver's own topology key. */
const ZONE_KEY = "topology.disk.csi.azure.com/zone";
const WELL_KNOWN_ZONE_KEY = "topology.kubernetes.io/zone";

/**
 * A volume that may be under creation: its claim, and its zones and its source over all attempts. A real
 * provisioner looks for the source each time, and finds it: Kubernetes keeps the objects of sources in use.
 */
export interface BegunCreation {
  readonly claim: Claim;
  /**
   * Those of all nodes, as without `--strict-topology`; empty stands for nodes without one. That of the
   * chosen node is the first one.
   */
  readonly zones: readonly [string, ...string[]];
  readonly contentSource: VolumeContentSource | undefined;
}

/** What the provisioner works with besides its view. */
export interface ProvisionerOptions {
  /** Azure's region in topologies. */
  readonly location: string;
  /**
   * Creations under way by claim, which continue to their end even if the claim is deleted. A restarted
   * real provisioner forgets them, and a volume under creation is leaked; no driver can prevent that, so
   * here they outlive it.
   */
  readonly begun: Map<string, BegunCreation>;
}

/**
 * external-provisioner: CreateVolume for claims that wait for their volume, DeleteVolume for volumes whose
 * claim is gone and that no VolumeAttachment names.
 */
export function runExternalProvisioner(sidecar: Sidecar, { location, begun }: ProvisionerOptions): void {
  const { api, view, tasks, clock, random, trace } = sidecar;
  const claims = createKeyedWork({ tasks, clock, backoff, work: (name) => provision(name) });
  const volumes = createKeyedWork({ tasks, clock, backoff, work: (name) => remove(name) });

  async function provision(name: string): Promise<boolean> {
    const creation = begun.get(name) ?? begin(view.get("Claim", name));
    if (creation === undefined || api.get("PersistentVolume", name) !== undefined) return true;
    const { claim, zones, contentSource } = creation;
    // A source that is not there yet, or not any more.
    if (claim.workload.source !== undefined && contentSource === undefined) return false;
    const { staticDisk } = claim.workload;
    if (staticDisk !== undefined) {
      // A person has created its PersistentVolume by hand: the driver is not called.
      const capacityBytes = gibToBytes(claim.sizeGiB);
      const accessibleTopology = staticDisk.zones.map(topologyOf);
      record(claim, {
        volumeId: staticDisk.diskUri,
        capacityBytes,
        volumeContext: {},
        contentSource: undefined,
        accessibleTopology,
      });
      return true;
    }
    begun.set(name, creation);
    const answer = await callController(
      sidecar,
      (csi) => csi.createVolume,
      createRequest(creation, zones.map(topologyOf)),
      timeoutMs,
    );
    if (!answer.ok) {
      trace.note(name, `CreateVolume failed: ${answer.code}`);
      if (mayHaveHappened(answer.code)) return false;
      begun.delete(name);
      return api.get("Claim", name)?.uid !== claim.uid;
    }
    begun.delete(name);
    record(claim, answer.value.volume);
    return true;
  }

  function begin(claim: Claim | undefined): BegunCreation | undefined {
    if (claim === undefined || claim.isBound || claim.isDeleted) return undefined;
    const zone = view.get("Node", claim.selectedNode ?? "")?.zone;
    if (zone === undefined) return undefined;
    const others = new Set([...view.list("Node")].map((node) => node.zone));
    others.delete(zone);
    return { claim, zones: [zone, ...[...others].sort()], contentSource: contentSourceOf(api, claim) };
  }

  function record(claim: Claim, volume: Volume | undefined): void {
    const { name, uid, workload } = claim;
    if (volume === undefined || api.get("PersistentVolume", name) !== undefined) return;
    const sizeGiB = bytesToGibRoundedUp(volume.capacityBytes);
    api.put("PersistentVolume", {
      name,
      uid: random.uuid(),
      volumeId: volume.volumeId,
      claimUid: uid,
      workload,
      volumeContext: volume.volumeContext,
      sizeGiB,
      volumeClass: undefined,
      zones: zonesOf(volume.accessibleTopology),
      isKeptByAttacher: false,
      isDeleted: false,
    });
    trace.note(name, `its volume is there: ${volume.volumeId}`);
    if (api.get("Claim", name)?.uid === uid)
      api.change("Claim", name, { isBound: true, capacityGiB: sizeGiB });
  }

  /** By the keys that CSINodes of nodes in zones have; a node without a zone has the driver's only. */
  function topologyOf(zone: string): Topology {
    if (zone === "") return { segments: { [ZONE_KEY]: "" } };
    return { segments: { [ZONE_KEY]: `${location}-${zone}`, [WELL_KNOWN_ZONE_KEY]: `${location}-${zone}` } };
  }

  function zonesOf(topologies: readonly Topology[]): readonly string[] | undefined {
    const values = topologies.flatMap(({ segments }) => segments[ZONE_KEY] ?? []);
    return values.length === 0 ? undefined : values.map((value) => value.slice(value.lastIndexOf("-") + 1));
  }

  async function remove(name: string): Promise<boolean> {
    const volume = view.get("PersistentVolume", name);
    if (volume === undefined || volume.isDeleted || !isReleased(volume)) return true;
    // "persistentvolume is still attached to node"
    for (const attachment of view.list("VolumeAttachment")) if (attachment.volumeName === name) return false;
    const answer = await callController(
      sidecar,
      (csi) => csi.deleteVolume,
      { volumeId: volume.volumeId, secrets: {} },
      timeoutMs,
    );
    if (!answer.ok) {
      trace.note(name, `DeleteVolume failed: ${answer.code}`);
      return false;
    }
    trace.note(name, "its volume is deleted");
    const present = api.get("PersistentVolume", name);
    if (present?.uid !== volume.uid) return true;
    if (present.isKeptByAttacher) api.change("PersistentVolume", name, { isDeleted: true });
    else api.remove("PersistentVolume", name);
    return true;
  }

  function isReleased(volume: PersistentVolume): boolean {
    return api.get("Claim", volume.name)?.uid !== volume.claimUid;
  }

  for (const name of begun.keys()) claims.queue(name);
  view.onChange((change) => {
    if (change.kind === "Claim") {
      if (change.current?.isBound === false && change.current.selectedNode !== undefined)
        claims.queue(change.name);
      if (change.current === undefined) volumes.queue(change.name);
    }
    if (change.kind === "PersistentVolume" && change.current !== undefined) volumes.queue(change.name);
  });
}

function createRequest(
  { claim: { name, workload, sizeGiB }, contentSource }: BegunCreation,
  topologies: Topology[],
): CreateVolumeRequest {
  return {
    name,
    capacityRange: { requiredBytes: gibToBytes(sizeGiB), limitBytes: 0n },
    volumeCapabilities: [volumeCapabilityOf(workload)],
    parameters: parametersOf(workload),
    secrets: {},
    volumeContentSource: contentSource,
    accessibilityRequirements: { requisite: topologies, preferred: topologies },
    mutableParameters: {},
  };
}

function parametersOf({
  volumeName,
  skuName,
  maxShares,
  replicas,
  deviceSettings = {},
  cachingMode,
}: SimWorkload): Record<string, string> {
  const settings = Object.entries(deviceSettings);
  return {
    ...(settings.length === 0 ? {} : { perfProfile: "advanced" }),
    ...Object.fromEntries(settings.map(([name, value]) => [`${deviceSettingPrefix}${name}`, value])),
    ...(cachingMode === undefined ? {} : { cachingMode }),
    skuName,
    maxShares: String(maxShares),
    maxMountReplicaCount: String(replicas),
    "csi.storage.k8s.io/pv/name": volumeName,
    "csi.storage.k8s.io/pvc/name": `data-${volumeName}-0`,
    "csi.storage.k8s.io/pvc/namespace": "default",
  };
}
