import { withoutHold, withoutPods, withoutReservedLuns } from "../masks.ts";
import type { Mutation, SourceEdit } from "../mutation.ts";
import {
  agedFailoverStorm,
  backupsWithoutHeartbeatsStorm,
  disksMadeAgainStorm,
  drainedStorm,
  forcedByHandStorm,
  grantedLateStorm,
  lateHeartbeatsStorm,
  markedAndLostStorm,
  markedAndUnnamedStorm,
  mixedZonesStorm,
  mountsInUseStorm,
  numbersGivenAwayStorm,
  promisedLunsStorm,
  replicaLeftDetachingStorm,
  replicasOnEachNode,
  nodesCutOffStorm,
  silenceSpreadsStorm,
  silentNodesStorm,
  zonesCutOffStorm,
  thereAndBackStorm,
  updatesOfOthersStorm,
} from "../storms.ts";

const STAGE_VOLUME = "src/node/stage/stage-volume.ts";
const PLAN_FILE_SYSTEM = "src/core/node/file-system/plan-file-system.ts";
const ATTACH_BATCH = "src/provisioner/vm/attach-batch.ts";
const STORE_MEMORY = "src/node/writer/rollback-detector.ts";
const OTHERS_DETACH = "src/controller/fencing/foreign-detach.ts";
const DETACH = "src/controller/attachment/removal/detach.ts";
const WITHDRAW_FROM_RECORD = "src/csi/controller/publish/withdraw-from-record.ts";
/** What a node does instead with the mounts of a requested writer while a pod has them. */
function inUse(actions: string): SourceEdit {
  const find = "  if (writer.requested) {\n";
  const instead =
    `  if (writer.requested && observed.mount === "live" && observed.targets.length > 0) return ` +
    `${actions};\n`;
  return { file: "src/core/node/plan-node-volume.ts", find, replace: `${instead}${find}` };
}

/** Rules outside the writer record's steps, and what the V2 original does. */
export const driverMutations: readonly Mutation[] = [
  {
    name: "blind-demotion",
    removes:
      "ControllerUnpublishVolume frees a volume only once its node has released it or is proven to be " +
      "fenced (the V2 original demotes blindly)",
    edits: [
      {
        file: WITHDRAW_FROM_RECORD,
        find: `if (writer === undefined || (writer.held && !isOutOfService)) return undefined;`,
        replace: `if (writer === undefined) return undefined;`,
      },
      {
        file: WITHDRAW_FROM_RECORD,
        find: `    (record) => {
      isHeld = !isOutOfService && isNamed(record, node, "holder");
      return isHeld ? fail(\`\${nodeName} holds the volume by now\`) : withdraw(record, node);
    },
`,
        replace: `    ({ writer: _, ...record }) => ok(record),
`,
      },
      {
        file: WITHDRAW_FROM_RECORD,
        find: `writer?.nodeName === nodeName && writer.requested ? writer : undefined;`,
        replace: `writer?.nodeName === nodeName ? writer : undefined;`,
      },
    ],
    breaks: ["csi-answer", "two-writers"],
    storm: forcedByHandStorm,
    shownBy: 2,
    takes:
      "Kubernetes detaches by force from a node that did not unstage: frozen, disconnected, or without " +
      "a kubelet",
    noticedBy: "src/csi/controller/publish/controller-unpublish-volume.test.ts",
  },
  {
    name: "stale-lun",
    removes: "the device is looked for again once it is held, by the attachment at that time",
    edits: {
      file: "src/node/stage/same-device.ts",
      find: `const same = await findSameDevice(ports, request, found, signal);`,
      replace: `const same = ok(undefined);`,
    },
    alsoRemoves: ["twins", "file-system-uuid", "confirmed-disk"],
    breaks: ["csi-answer", "synced-data-lost", "two-writers", "formatted-data"],
    storm: {
      ...replicasOnEachNode,
      attach: "kubernetes",
      isQuiet: true,
      victim: { maxShares: 1, replicas: 0 },
      strikes: { "nodes/paused-before-acquire": 4 },
    },
    takes:
      "a node's watch shows an attachment with the LUN that it had before the disk was detached and " +
      "another got its place",
    noticedBy: "src/node/stage/stage-volume.test.ts",
  },
  {
    name: "promised-luns",
    removes: "no disk gets a LUN at which its node looks for another one",
    edits: withoutReservedLuns,
    alsoRemoves: ["twins", "anothers-mount", "confirmed-disk"],
    breaks: ["two-writers", "synced-data-lost", "csi-answer"],
    storm: promisedLunsStorm,
    takes:
      "another client detaches a replica's disk, and another volume's disk of the same size comes to " +
      "that VM before the driver has noticed",
    noticedBy: "src/controller/attachment/attachment-reconciler.test.ts",
  },
  {
    name: "hold",
    removes:
      "a node holds the device from its last look at it until it is mounted or bound, and so does a mount " +
      "command as long as it lives",
    edits: withoutHold,
    breaks: ["two-writers", "synced-data-lost", "formatted-data", "leaked"],
    storm: numbersGivenAwayStorm,
    shownBy: 3,
    takes:
      "a node is fenced with an old mount command under way, its record is lost, and another volume's " +
      "disk gets the number of the one that went",
    noticedBy: "src/node/stage/stage-volume.test.ts",
  },
  {
    name: "no-uid-precondition",
    removes: "objects, and disks, are deleted only if they are those that the decision was made on",
    edits: [
      {
        file: "src/controller/attachment/removal/delete-replica.ts",
        find: `store.delete("AzVolumeAttachment", action.attachmentName, { uid, resourceVersion }, signal)`,
        replace: `store.delete("AzVolumeAttachment", action.attachmentName, {}, signal)`,
      },
      {
        file: "src/controller/attachment/removal/evict-replica.ts",
        find: `store.delete("AzVolumeAttachment", name, { uid, resourceVersion }, signal)`,
        replace: `store.delete("AzVolumeAttachment", name, {}, signal)`,
      },
      {
        file: "src/controller/fencing/prune-nodes.ts",
        find: `store.delete("AzDriverNode", nodeName, { uid, resourceVersion }, signal)`,
        replace: `store.delete("AzDriverNode", nodeName, {}, signal)`,
      },
      {
        file: "src/controller/adoption/prune-volumes.ts",
        find: `      const deleted = await ports.store.delete(
        "AzVolume",
        volume.metadata.name,
        { uid: volume.metadata.uid },
        signal,
      );
`,
        replace: `      const deleted = await ports.store.delete("AzVolume", volume.metadata.name, {}, signal);
`,
      },
      {
        file: "src/csi/controller/publish/controller-unpublish-volume.ts",
        find: `context.store.delete("AzVolumeAttachment", name, { uid, resourceVersion }, signal)`,
        replace: `context.store.delete("AzVolumeAttachment", name, {}, signal)`,
      },
      {
        file: "src/controller/disk/delete-disk.ts",
        find: `      ports.cloud.deleteDisk(
        { diskUri: target, ...identity, precondition: mayWriteDisk(ports, volume, isDeleting) },
        signal,
      ),
`,
        replace: `      ports.cloud.deleteDisk({ diskUri: target, precondition: () => Promise.resolve(true) }, signal),
`,
      },
      {
        file: "src/csi/controller/deletion/mark-deleted.ts",
        find: `context.store.delete("AzVolume", name, { uid }, signal)`,
        replace: `context.store.delete("AzVolume", name, {}, signal)`,
      },
      {
        file: "src/controller/disk/delete-disk.ts",
        find: `  if (
    fresh.value.metadata.uid !== volume.metadata.uid ||
    fresh.value.metadata.deletionTimestamp === undefined
  )
    return ok({});
`,
        replace: `
`,
      },
    ],
    alsoRemoves: ["attachment-recreated"],
    breaks: ["leaked", "not-converged", "synced-data-lost", "healthy-writer-cut-off"],
    storm: {
      attach: "driver",
      workload: { maxShares: 1, replicas: 0, access: "mount" },
      strikes: { "leaders/killed-while-deleting": 4 },
    },
    shownBy: 5,
    takes: "the delete of an attachment is under way for long, which has become the writer's in this time",
    noticedBy: "src/controller/writer/volume-reconciler.test.ts",
  },
  {
    name: "blind-repeat",
    removes: "a request that writes a disk is sent, or sent again, only after a fresh look at its volume",
    edits: {
      file: "src/provisioner/disk/write-disk.ts",
      find: `const isAllowed = await target.precondition(signal);`,
      replace: `const isAllowed = true;`,
    },
    breaks: ["leaked"],
    storm: {
      attach: "kubernetes",
      isQuiet: true,
      workload: { maxShares: 1, replicas: 0, access: "mount" },
      strikes: { "leaders/paused-while-creating": 3 },
    },
    takes: "a leader loses the answer to a creation and stands still, and the next one deletes the disk",
    noticedBy: "test/provisioner/disk-repeats.test.ts",
  },
  {
    name: "no-vm-id",
    removes: "what is known of a VM holds for no other VM that bears its name later",
    edits: [
      {
        file: "src/core/attachment/plan-attachment.ts",
        find: `(node === undefined || isSameVmId(attachment.status?.vmId, node.vmId))`,
        replace: `(node === undefined || isSameVmId(node.vmId, node.vmId))`,
      },
      {
        file: "src/node/writer/lun-here.ts",
        find: `return isSameVmId(attachment.status?.vmId, node.vmId) ? attachment.status?.lun : undefined;`,
        replace: `return isSameVmId(node.vmId, node.vmId) ? attachment.status?.lun : undefined;`,
      },
      {
        file: ATTACH_BATCH,
        find: `if (request.spec.node.vmId.toLowerCase() === model.vmId) return true;`,
        replace: `if (request !== undefined) return true;`,
      },
      {
        file: "src/provisioner/vm/fence-batch.ts",
        find: `kind !== "flush" && spec.node.vmId.toLowerCase() !== model.vmId`,
        replace: `kind !== "flush" && spec.node.vmId === ""`,
      },
    ],
    alsoRemoves: ["file-system-uuid", "replicas-probed"],
    breaks: ["two-writers", "synced-data-lost", "formatted-data"],
    storm: { ...replicasOnEachNode, lastStrikeMs: 60_000, strikes: { "nodes/recreated": 2 } },
    shownBy: 4,
    takes: "a VM is deleted and recreated under its name while volumes are attached to it",
    noticedBy: "src/core/attachment/plan-attachment.test.ts",
  },
  {
    name: "no-read-back",
    removes: "what an update of a VM has done is read, above all where its answer was lost",
    edits: {
      file: ATTACH_BATCH,
      find: `    if (written.ok) {\n      this.#successes++;`,
      replace: `    if (written.ok || (classOf(written.failure) === "lost" && written.failure.code !== ownErrorCodes.stillRunning)) {
      for (const { request, outcome } of allowed) {
        if (outcome.kind === "attach") request.settle(ok({ kind: "attached", lun: outcome.lun }));
        if (outcome.kind === "detach") request.settle(ok({ kind: "detached" }));
      }
      this.#successes++;`,
    },
    alsoRemoves: ["kept-luns", "twins", "file-system-uuid"],
    breaks: ["two-writers", "synced-data-lost", "formatted-data", "leaked", "not-converged"],
    storm: { ...replicasOnEachNode, lastStrikeMs: 120_000, strikes: { "azure/replica-attaches-lost": 6 } },
    shownBy: 2,
    takes: "Azure loses the request of a detach, or answers that one has succeeded which did nothing",
    noticedBy: "test/contract/cloud-provisioner.test.ts",
  },
  {
    name: "poll-refused",
    removes: "the end of an operation is read from its resource where Azure refuses to answer polls",
    edits: {
      file: "src/provisioner/arm/operation-poller.ts",
      find: `else if (isPollRefused(polled.failure)) arePollsRefused = true;`,
      replace: ``,
    },
    breaks: ["not-converged", "spinning", "arm-budget"],
    storm: { strikes: { "azure/polls-refused": 2, "nodes/freeze-and-mark": 4 } },
    shownBy: 58,
    takes: "the permission to read operations is missing, and a node is fenced",
    noticedBy: "test/contract/cloud-provisioner.test.ts",
  },
  {
    name: "asked-then-marked",
    removes: "a detach is marked in its attachment before the record is asked, not after it",
    edits: {
      file: DETACH,
      find: `      (await isMarkedDetaching(ports, attachment, { kind, node, attempt, keepsStaged }, callSignal)) &&
      // Past the mark: a node that has acquired the volume before it may not have seen it.
      (await mayDetachNow(ports, attachment, node, callSignal));`,
      replace: `      (await mayDetachNow(ports, attachment, node, callSignal)) &&
      (await isMarkedDetaching(ports, attachment, { kind, node, attempt, keepsStaged }, callSignal));`,
    },
    breaks: ["healthy-writer-cut-off"],
    storm: grantedLateStorm,
    shownBy: 11,
    takes:
      "an attachment is deleted by hand while the grant to its node is under way, and the node acquires " +
      "while the controller asks whether it may detach the disk",
    noticedBy: "src/controller/attachment/attachment-reconciler.test.ts",
  },
  {
    name: "taken-back-at-once",
    removes: "a detach that was marked is taken back only once the VM's ETag has moved",
    edits: {
      file: "src/controller/attachment/removal/take-back-detach.ts",
      find: `        mode: "flush",
        precondition`,
      replace: `        mode: "prove",
        precondition`,
    },
    breaks: ["healthy-writer-cut-off"],
    storm: grantedLateStorm,
    shownBy: 2,
    takes:
      "the same, while the update that detaches is under way for long, and the controller that sent it dies",
    noticedBy: "src/controller/attachment/removal/take-back-detach.test.ts",
  },
  {
    name: "others-detach",
    removes: "no update carries out a detach that others have left behind, of a disk in use",
    edits: [{ file: OTHERS_DETACH, find: `if (!isHarmful) return found;`, replace: `return found;` }],
    breaks: ["healthy-writer-cut-off"],
    storm: {
      workload: { maxShares: 2, replicas: 1, access: "mount" },
      strikes: { "disks/detach-left-behind": 6, "haste/hunted": 2 },
    },
    takes:
      "another client asks Azure to detach a disk from a node that writes it, that fails, and the " +
      "driver attaches another disk there",
    noticedBy: "src/controller/fencing/foreign-detach.test.ts",
  },
  {
    name: "others-detach-untold",
    removes:
      "the attachment of a replica says that its disk comes off before an update carries out what " +
      "others have left behind",
    edits: {
      file: OTHERS_DETACH,
      find: `if (!(await markDetaching(ports, leaving, update, signal))) return false;`,
      replace: `if (leaving === undefined) return false;`,
    },
    breaks: ["healthy-writer-cut-off"],
    storm: replicaLeftDetachingStorm,
    takes:
      "a replica whose detach others have left behind is promoted while an attach of another disk " +
      "carries that detach out",
    noticedBy: "src/controller/fencing/foreign-detach.test.ts",
  },
  {
    name: "others-detach-at-barrier",
    removes: "a write barrier spares an unverified node whose disk others have marked, and waits",
    edits: {
      file: OTHERS_DETACH,
      find: `  return nodesIn(record, "writer", "unverified").some(
    (other) => isSameNode(other, node)`,
      replace: `  const pending = nodesIn(record, "barrierPending");
  const users = nodesIn(record, "writer", "unverified");
  return users.filter((other) => pending.every((waiting) => !isSameNode(waiting, other))).some(
    (other) => isSameNode(other, node)`,
    },
    alsoRemoves: ["pods-decide"],
    breaks: ["healthy-writer-cut-off"],
    storm: markedAndLostStorm,
    takes:
      "another client asks Azure to detach a disk from a node that writes it, that fails, and its " +
      "record is lost",
    noticedBy: "src/controller/fencing/foreign-detach.test.ts",
  },
  {
    name: "others-detach-unnamed",
    removes: "the pods decide on a foreign detach if a rebuilt record does not name their node",
    edits: withoutPods,
    breaks: ["healthy-writer-cut-off"],
    storm: markedAndUnnamedStorm,
    shownBy: 6,
    takes:
      "another client asks Azure to detach a disk from a node that writes it, that fails, and all " +
      "objects are lost while Azure does not name its VM",
    noticedBy: "src/controller/fencing/foreign-detach.test.ts",
  },
  {
    name: "force-during-foreign-update",
    removes: "nothing is forced off a VM while another client's update of it is under way",
    edits: {
      file: "src/core/azure/plan-fence.ts",
      find: `whose === "own" ? force :`,
      replace: `whose !== "perhapsOwn" ? force :`,
    },
    breaks: ["update-preempted"],
    storm: updatesOfOthersStorm,
    takes: "another client begins a long update of a VM right when its node is fenced",
    noticedBy: "src/core/azure/plan-fence.test.ts",
  },
  {
    name: "mkfs-unchecked",
    removes: "a file system is made only on a device that shows no trace of data",
    edits: [
      {
        file: PLAN_FILE_SYSTEM,
        find: `  if (!typesMountedAs(fsType).includes(found.fsType)) return wrongFileSystem(observed, found.fsType);
`,
        replace: `  if (found.fsType !== fsType) return { kind: "Make", uuid: undefined };
`,
      },
      {
        file: PLAN_FILE_SYSTEM,
        find: `      return wrongFileSystem(observed, content.detail);
`,
        replace: `      return { kind: "Make", uuid: undefined };
`,
      },
    ],
    alsoRemoves: ["formatted-once", "host-looks-again"],
    breaks: ["formatted-data", "synced-data-lost"],
    storm: { isQuiet: true, strikes: { "disks/foreign-content": 3 } },
    takes: "a disk with another file system, or with data that no tool knows, is staged",
    noticedBy: "src/node/stage/prepare-file-system.test.ts",
  },
  {
    name: "trust-mount",
    removes: "a mount that is there already is used only if the record says that this node holds the volume",
    edits: {
      file: STAGE_VOLUME,
      find:
        `const held = await checkHeld(ports, volumeName, signal);\n    if (!held.ok) return held;\n` +
        "    if (held.value !== undefined) " +
        "return adjustStaged(ports, request, found, held.value.epoch, signal);",
      replace: `return { ok: true, value: found };`,
    },
    alsoRemoves: ["checked-after-bind", "recall-first", "waits-to-be-requested"],
    breaks: ["healthy-writer-cut-off", "two-writers"],
    storm: thereAndBackStorm,
    shownBy: 4,
    takes: "a pod comes back to its node, where the volume is still mounted, while it is being released",
    noticedBy: "src/node/stage/stage-volume.test.ts",
  },
  {
    name: "node-lease-memory",
    removes: "a node remembers how far the controllers' Lease had come, and trusts no older one",
    edits: {
      file: STORE_MEMORY,
      find: "  const incarnation = await readStoreIncarnation(ports, signal);",
      replace:
        "  const seen = { incarnation: 0, counter: 0 };\n" +
        "  const incarnation = await readStoreIncarnation(\n" +
        "    { ...ports, leaseHighWaterMark: { seen, saw: () => undefined } as never }, signal);",
    },
    alsoRemoves: ["released-epochs"],
    breaks: ["two-writers"],
    storm: backupsWithoutHeartbeatsStorm,
    shownBy: 22,
    takes:
      "a backup is restored while no controller runs, and a node's heartbeats had failed since it was made",
    noticedBy: "src/node/writer/rollback-detector.test.ts",
  },
  {
    name: "store-incarnation",
    removes: "a store that was restored from a backup is noticed, and its records are not acted on",
    edits: [
      {
        file: STORE_MEMORY,
        find: `  if (
    checkpoint === undefined ||
    record === undefined ||
    checkpoint.epoch <= record.epoch ||
    isNamed(record, ports.node, "unverified")
  )
    return undefined;
`,
        replace: `  if (checkpoint === undefined || record === undefined || checkpoint.epoch >= 0) return undefined;
`,
      },
      {
        file: "src/core/rollback/high-water-mark.ts",
        find: `  return (
    shown.incarnation < remembered.incarnation ||
    comingIncarnationOf(shown) < comingIncarnationOf(remembered) ||
    (shown.incarnation === remembered.incarnation && shown.counter < remembered.counter)
  );
`,
        replace: `  return shown.incarnation < 0 || remembered.counter < 0;
`,
      },
    ],
    breaks: ["two-writers", "healthy-writer-cut-off", "synced-data-lost"],
    storm: { isQuiet: true, strikes: { "loss/restored": 3, "haste/forced-by-hand": 4 } },
    takes: "the store is restored from a backup in which another node is the writer, or none is",
    noticedBy: "src/node/lifecycle/heartbeat.test.ts",
  },
  {
    name: "heartbeat-delays",
    removes: "a node that may send its heartbeat later is silent only after so much longer",
    edits: {
      file: "src/core/writer/node-silence.ts",
      find: `return settings.heartbeatStaleMs + (node?.heartbeatDelayMs ?? 0);`,
      replace: `return settings.heartbeatStaleMs + 0 * (node?.heartbeatDelayMs ?? 0);`,
    },
    breaks: ["silenced-early"],
    storm: lateHeartbeatsStorm,
    takes: "heartbeats come up to two minutes later",
    noticedBy: "src/core/writer/node-silence.test.ts",
  },
  {
    name: "marks-off-only",
    removes: "the driver marks a silent node out of service only if Azure shows its VM as off",
    edits: {
      file: "src/controller/nodes/mark-stopped-nodes.ts",
      find: `      if (isOff(vm.value.powerState)) {`,
      replace: `      if (isOff(vm.value.powerState) || nodeName !== "") {`,
    },
    breaks: ["marked-running"],
    storm: { strikes: { "nodes/freeze": 4, "nodes/power-loss-unmarked": 2 } },
    shownBy: 8,
    takes: "a node hangs until Kubernetes takes it for unreachable, and its VM runs",
    noticedBy: "src/controller/nodes/mark-stopped-nodes.test.ts",
  },
  {
    name: "power-off-after",
    removes: "the VM of a silent node is powered off only once the node has been silent for the whole time",
    edits: {
      file: "src/core/node/plan-power-off.ts",
      find: `  if (leftMs > 0) return`,
      replace: `  if (leftMs > 1e9) return`,
    },
    breaks: ["powered-off"],
    storm: { ...silentNodesStorm, settings: { silentNodes: "power-off", powerOffAfterMs: 60_000 } },
    shownBy: 2,
    takes: "a node is silent for a minute, and Kubernetes takes it for unreachable",
    noticedBy: "src/core/node/plan-power-off.test.ts",
  },
  {
    name: "power-off-half",
    removes: "no VM is powered off while half of the nodes are silent",
    edits: {
      file: "src/core/node/plan-power-off.ts",
      find: `if (inCluster !== undefined) return`,
      replace: `if (inCluster === "") return`,
    },
    breaks: ["powered-off"],
    storm: zonesCutOffStorm,
    shownBy: 2,
    takes: "half of the nodes are cut off together, of no zone all but one",
    noticedBy: "src/core/node/plan-power-off.test.ts",
  },
  {
    name: "power-off-zone",
    removes: "no VM is powered off while half of the nodes of its zone are silent",
    edits: {
      file: "src/core/node/plan-power-off.ts",
      find: `return inZone && `,
      replace: `return inZone === "" ? inZone : undefined && `,
    },
    breaks: ["powered-off"],
    storm: nodesCutOffStorm,
    shownBy: 4,
    takes: "all nodes of a zone are cut off together, fewer than half of all",
    noticedBy: "src/core/node/plan-power-off.test.ts",
  },
  {
    name: "power-off-believed",
    removes: "each look for 20 s finds that few nodes are silent before a VM is powered off",
    edits: {
      file: "src/core/node/plan-power-off.ts",
      find: `BELIEVED_AFTER_MS - node.believedMs`,
      replace: `-node.believedMs`,
    },
    breaks: ["powered-off"],
    storm: nodesCutOffStorm,
    shownBy: 2,
    takes: "nodes that were cut off together come back one after the other, and one of the last is looked at",
    noticedBy: "src/core/node/plan-power-off.test.ts",
  },
  {
    name: "power-off-spreads",
    removes: "a node that the driver has marked in the last hour counts as silent",
    edits: {
      file: "src/controller/nodes/power-off-silent.ts",
      find: `SPREADS_FOR_MS = 3_600_000`,
      replace: `SPREADS_FOR_MS = 0`,
    },
    breaks: ["powered-off"],
    storm: silenceSpreadsStorm,
    shownBy: 2,
    takes: "a node is cut off, powered off and marked, and then the one to which its pod has moved",
    noticedBy: "src/controller/nodes/power-off-silent.test.ts",
  },
  {
    name: "collect-at-failover",
    removes:
      "replicas are pruned by the time that the volume has not been requested, which outlives the dead " +
      "writer's attachment",
    edits: [
      {
        file: "src/core/attachment/replicas/plan-pruning.ts",
        find: `  if (since === undefined || pruneInMs(observed, since) > 0) return [];
  const because = "the volume has not been requested for a while";
  return replicas.map(`,
        replace: `  const isOld = (replica: AzVolumeAttachment): boolean =>
    fromTimestamp(replica.metadata.creationTimestamp) + observed.settings.pruneReplicasAfterMs <=
    observed.nowMs;
  const because = "the volume has not been requested for a while";
  return replicas.filter(isOld).map(`,
      },
      {
        file: "src/core/attachment/replicas/plan-pruning.ts",
        find: `because, { kind: "Unrequested", since })`,
        replace: `because, since === undefined ? undefined : { kind: "Unrequested", since })`,
      },
    ],
    breaks: ["replica-removed"],
    storm: agedFailoverStorm,
    takes: "a node dies whose volume is older than the timer, and its pod goes to another node",
    noticedBy: "src/core/attachment/replicas/plan-pruning.test.ts",
  },
  {
    name: "replicas-stay-on-drained",
    removes: "replicas leave a node that is cordoned or drained, once their volume is served elsewhere",
    edits: {
      file: "src/core/attachment/replicas/plan-drained.ts",
      find: `  if (node(nodeName)?.isUnschedulable !== true) return Infinity;
`,
      replace: `  if (node(nodeName)?.isUnschedulable !== true || settings.releaseDrainedAfterMs >= 0) return Infinity;
`,
    },
    breaks: ["not-converged"],
    storm: drainedStorm,
    takes: "a node is drained, and stays so",
    noticedBy: "src/core/attachment/replicas/plan-drained.test.ts",
  },
  {
    name: "zoneless-anywhere",
    removes:
      "Azure attaches a disk without a zone to VMs without one only, and to these no disk in a zone: here " +
      "both go anywhere",
    edits: {
      file: "src/core/schedule/why-unreachable.ts",
      find: `disk.zones.length === 0 ? zone === "" : disk.zones.includes(zone)`,
      replace: `disk.zones.length === 0 || zone === "" || disk.zones.includes(zone)`,
    },
    breaks: ["replica-out-of-reach"],
    storm: mixedZonesStorm,
    takes: "a volume that is not zone-redundant has replicas, and some VMs are in a zone and some in none",
    noticedBy: "src/core/schedule/choose-replica-nodes.test.ts",
  },
  {
    name: "placeholder-under-pod",
    removes: "a node leaves the mounts of a requested writer alone: here it covers each with a placeholder",
    edits: [inUse("[cleanUp(observed, undefined)]")],
    breaks: ["healthy-writer-cut-off"],
    storm: mountsInUseStorm,
    takes: "a pod runs",
    noticedBy: "src/core/node/plan-node-volume.test.ts",
  },
  {
    name: "unmount-under-pod",
    removes:
      "a node releases a volume only once it is not requested there any more, or after the last target " +
      "has gone",
    edits: [inUse('[{ kind: "Release", recallId: undefined, placeholders: [] }]')],
    breaks: ["healthy-writer-cut-off"],
    storm: mountsInUseStorm,
    takes: "a pod runs",
    noticedBy: "src/core/node/plan-node-volume.test.ts",
  },
  {
    name: "name-is-disk",
    removes: "a disk that another client has made under the name of a volume's is not that volume's",
    edits: {
      file: "src/core/volume/replaced-disk.ts",
      find: `return uniqueId === undefined ||`,
      replace: `return uniqueId !== "" ||`,
    },
    breaks: ["neighbour-touched"],
    storm: disksMadeAgainStorm,
    takes: "a person deletes the disk of a volume whose pod is away, and makes another one under its name",
    noticedBy: "src/core/volume/replaced-disk.test.ts",
  },
];
