import type { AzVolumeAttachment } from "../../../src/core/api/az-volume-attachment.ts";
import type { NodeIdentity } from "../../../src/core/api/identity/node-identity.ts";
import { isSameResourceUri } from "../../../src/core/azure/ids/disk-uri.ts";
import { ATTACHED_ELSEWHERE } from "../../../src/core/writer/plan-conditions.ts";
import { nodesIn } from "../../../src/core/writer/record/record-nodes.ts";
import { diskName } from "../watch-writers.ts";
import type { DesiredVolume } from "./desired-volume.ts";
import type { Complaint, RestWorld } from "./rest-world.ts";

/**
 * Nothing unused is left behind at rest: no disk, attachment, finalizer, mount, grant, fence, quarantine
 * or recall.
 */
export function judgeLeaks(world: RestWorld, volumes: readonly DesiredVolume[]): readonly Complaint[] {
  const details = [
    ...leftObjects(world, volumes),
    ...leftRecords(world),
    ...leftAttachments(world),
    ...leftInAzure(world, volumes),
    ...leftOnMachines(world),
  ];
  return details.map((detail): Complaint => ({ invariant: "leaked", detail }));
}

function leftObjects(world: RestWorld, volumes: readonly DesiredVolume[]): readonly string[] {
  const disks = volumes
    .filter(({ exists }) => exists)
    .map(({ volumeName }) => world.cluster.diskUriOf(volumeName) ?? "");
  const strays = world.store
    .objects("AzVolume")
    .filter(
      (volume) =>
        !disks.some((diskUri) =>
          isSameResourceUri(diskUri, volume.status?.detail?.diskUri ?? volume.spec.diskUri ?? ""),
        ),
    )
    .map(
      (volume) =>
        `AzVolume ${volume.metadata.name} (${volume.status?.state ?? "no status"}) belongs to no claim`,
    );
  const ending = [
    ...world.store.objects("AzVolume"),
    ...world.store.objects("AzVolumeAttachment"),
    ...world.store.objects("AzDriverNode"),
  ]
    .filter(({ metadata }) => metadata.deletionTimestamp !== undefined)
    .map(
      ({ metadata }) =>
        `${metadata.name} is being deleted and keeps ` +
        `${(metadata.finalizers ?? []).join(", ") || "no finalizer"}`,
    );
  const nodes = nodeNamesOf(world);
  const nodeStrays = world.store
    .objects("AzDriverNode")
    .filter(({ metadata }) => !nodes.has(metadata.name))
    .map(({ metadata }) => `AzDriverNode ${metadata.name} is of no node`);
  return [...strays, ...ending, ...nodeStrays];
}

function nodeNamesOf(world: RestWorld): ReadonlySet<string> {
  return new Set(world.cluster.nodes().map(({ name }) => name));
}

function leftRecords(world: RestWorld): readonly string[] {
  const nodes = nodeNamesOf(world);
  return world.store.objects("AzVolume").flatMap((volume) => {
    const record = volume.status?.record;
    if (record === undefined) return [];
    const name = volume.metadata.name;
    const { writer, fencing } = record;
    const unverified = nodesIn(record, "unverified");
    const cutOff = nodesIn(record, "quarantined").filter((node) => !isKeptUnderNoName(world, node));
    const strangers = nodesIn(record, "clean").filter(({ nodeName }) => !nodes.has(nodeName));
    const hasUser =
      writer !== undefined &&
      world.cluster
        .containersOn(writer.nodeName)
        .some((container) => usesVolume(world, container.volumeName, volume.status?.detail?.diskUri));
    return [
      ...(fencing === undefined ? [] : [`${name} is still fencing ${fencing.nodeName}`]),
      ...(cutOff.length === 0 ? [] : [`${name} still has ${named(cutOff)} in quarantine`]),
      ...(strangers.length === 0
        ? []
        : [`${name} still says of ${named(strangers)} that it is clean, and there is no such node`]),
      ...(volume.status?.conditions.some(({ type }) => type === ATTACHED_ELSEWHERE) === true
        ? [`${name} still says that it is attached elsewhere`]
        : []),
      ...(unverified.length === 0 ? [] : [`${name} still has ${named(unverified)} unverified`]),
      ...(writer === undefined || hasUser
        ? []
        : [
            `${name} is granted to ${writer.nodeName} (held ${writer.held}, requested ` +
              `${writer.requested}), where nothing uses it`,
          ]),
    ];
  });
}

/**
 * Whether a VM still exists though another one has its node's name. No plug-in runs on it to show that it
 * is clean, and it may be started later: its fence has to be remembered while it exists (docs/adr/0025).
 */
function isKeptUnderNoName(world: RestWorld, { nodeName, vmId }: NodeIdentity): boolean {
  const isThere = [...world.azure.model.world.virtualMachines.values()].some(({ vmGuid }) => vmGuid === vmId);
  return isThere && world.azure.vmOf(nodeName)?.vmGuid !== vmId;
}

function leftAttachments(world: RestWorld): readonly string[] {
  const volumes = new Map(world.store.objects("AzVolume").map((volume) => [volume.metadata.name, volume]));
  return world.store.objects("AzVolumeAttachment").flatMap((attachment) => {
    const { volumeName, nodeName, role, recall } = attachment.spec;
    const volume = volumes.get(volumeName);
    if (volume === undefined) return [`attachment ${attachment.metadata.name} is of no volume`];
    const isUsed = world.cluster
      .containersOn(nodeName)
      .some((container) => usesVolume(world, container.volumeName, volume.status?.detail?.diskUri));
    return [
      ...(role === "Primary" && !isUsed
        ? [`${volumeName} is attached to ${nodeName} as Primary, where nothing uses it`]
        : []),
      ...(recall === undefined || attachment.spec.writerRequest !== undefined
        ? []
        : [`${volumeName} is still recalled from ${nodeName}`]),
      ...(attachment.status?.state === "Attached" || attachment.metadata.deletionTimestamp !== undefined
        ? []
        : [
            `${volumeName} is to be attached to ${nodeName} as ${role}, and is ` +
              `${attachment.status?.state ?? "without a state"}`,
          ]),
      ...(attachment.status?.state === "Attached" && !isOnVm(world, attachment)
        ? [
            `${volumeName} is said to be attached to ${nodeName} at LUN ${attachment.status.lun ?? -1}, ` +
              "and is not",
          ]
        : []),
    ];
  });
}

function isOnVm(world: RestWorld, attachment: AzVolumeAttachment): boolean {
  const vmGuid = world.azure.machineOf(attachment.spec.nodeName)?.vmGuid;
  const vm = [...world.azure.model.world.virtualMachines.values()].find(
    (candidate) => candidate.vmGuid === vmGuid,
  );
  return (
    attachment.status?.vmId === vmGuid &&
    (vm?.dataDisks ?? []).some(
      ({ diskId, lun, phase }) =>
        phase === "Attached" &&
        lun === attachment.status?.lun &&
        isSameResourceUri(diskId, attachment.spec.volumeId),
    )
  );
}

function leftInAzure(world: RestWorld, volumes: readonly DesiredVolume[]): readonly string[] {
  const requested = volumes
    .filter(({ exists }) => exists)
    .map(({ volumeName }) => world.cluster.diskUriOf(volumeName) ?? "");
  const disks = [...world.azure.model.world.disks.values()]
    .filter(
      ({ id }) => !world.azure.isOthers(id) && !requested.some((diskUri) => isSameResourceUri(diskUri, id)),
    )
    .map(({ id }) => `disk ${diskName(id)} belongs to no claim`);
  const attachments = world.store.objects("AzVolumeAttachment");
  const vms = [...world.azure.model.world.virtualMachines.values()].filter(
    ({ id }) => !world.azure.isOthers(id),
  );
  const entries = vms.flatMap((vm) =>
    vm.dataDisks
      .filter(
        ({ diskId }) =>
          !attachments.some(
            ({ spec, status }) => status?.vmId === vm.vmGuid && isSameResourceUri(spec.volumeId, diskId),
          ),
      )
      .map(
        ({ diskId, lun, phase }) =>
          `${vm.name} has ${diskName(diskId)} at LUN ${lun} (${phase}), and no attachment says so`,
      ),
  );
  return [...disks, ...entries];
}

function leftOnMachines(world: RestWorld): readonly string[] {
  return world.cluster.nodes().flatMap(({ name }) => {
    const machine = world.azure.machineOf(name);
    if (machine === undefined) return [];
    const used = world.cluster
      .containersOn(name)
      .map(({ volumeName }) => world.cluster.diskUriOf(volumeName) ?? "");
    const mounts = machine.kernel
      .mounts()
      .filter(({ diskUri }) => !used.some((usedUri) => isSameResourceUri(usedUri, diskUri)));
    return [
      ...mounts.map(
        ({ path, diskUri }) =>
          `${name} still has ${diskName(diskUri)} mounted at ${path}, where nothing uses it`,
      ),
      ...machine.kernel.placeholders().map((path) => `${name} still has a placeholder at ${path}`),
    ];
  });
}

function usesVolume(world: RestWorld, volumeName: string, diskUri: string | undefined): boolean {
  return isSameResourceUri(world.cluster.diskUriOf(volumeName) ?? "", diskUri ?? "none");
}

function named(nodes: readonly NodeIdentity[]): string {
  return nodes.map(({ nodeName }) => nodeName).join(", ");
}
