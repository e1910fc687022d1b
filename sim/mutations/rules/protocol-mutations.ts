import type { Mutation } from "../mutation.ts";
import {
  bystanderStorm,
  takenNamesStorm,
  twoClustersStorm,
  deletedInMountStorm,
  frozenInMountStorm,
  livingMountStorm,
  pulledInMountStorm,
  recordLostStorm,
  recordsLostStorm,
} from "../storms.ts";

const MOVE_RECORD = "src/objects/update-record.ts";
const WRITER_STEPS = "src/core/writer/record/writer-steps.ts";
const FENCE_BATCH = "src/provisioner/vm/fence-batch.ts";

/** The rules of the writer protocol, under their names in its model. */
export const protocolMutations: readonly Mutation[] = [
  {
    name: "cas",
    removes: "a move of the record is written only on the version that it was decided on",
    edits: {
      file: MOVE_RECORD,
      find: `    const written = await ports.steps.run(request.step, () =>
      ports.store.updateStatus("AzVolume", next, signal),
    );
`,
      replace: `    const overwrite = async (): Promise<Result<AzVolume>> => {
      for (let tries = 1; ; tries += 1) {
        const newest = await ports.store.get("AzVolume", request.volumeName, signal);
        if (!newest.ok) return newest;
        const over = { ...newest.value, status: { ...newest.value.status, record: stepped.value } };
        const put = await ports.store.updateStatus("AzVolume", over, signal);
        if (put.ok || put.failure.kind !== "ObjectConflict" || tries >= CONFLICTS_MAX) return put;
      }
    };
    const written = await ports.steps.run(request.step, overwrite);
`,
    },
    alsoRemoves: ["leaders-clock", "node-policy"],
    breaks: ["two-writers", "healthy-writer-cut-off"],
    storm: { strikes: { "nodes/freeze-at-step": 5, "leaders/paused-at-step": 5 } },
    shownBy: 2,
    takes:
      "two processes move one record at the same time, and the slower one was frozen or its write was " +
      "under way for long",
    noticedBy: "src/objects/update-record.test.ts",
  },
  {
    name: "acquire",
    removes: "a node that mounts says so in the record first",
    edits: {
      file: WRITER_STEPS,
      find: ` already and is not clean\`);
  return ok({ ...record, writer: { ...writer, held: true } });`,
      replace: ` already and is not clean\`);
  return ok(record);`,
    },
    alsoRemoves: ["held-before-use", "format-admission"],
    breaks: ["two-writers"],
    storm: { strikes: { "nodes/freeze-and-mark": 5 } },
    takes:
      "a writer's request ends while it is mounted: its pod deleted by force, or its node out of service",
    noticedBy: "src/core/writer/record/writer-steps.test.ts",
  },
  {
    name: "etag",
    removes: "a VM is updated only on the ETag that was read before the record was asked",
    edits: {
      file: "src/provisioner/vm/vm-update.ts",
      find: `change, ifMatch, clientRequestId }`,
      replace: `change, ifMatch: "*", clientRequestId }`,
    },
    breaks: ["two-writers", "healthy-writer-cut-off", "lun-twice", "not-converged"],
    storm: {
      isQuiet: true,
      workload: { maxShares: 1, replicas: 0, access: "mount" },
      strikes: { "leaders/killed-while-sending": 2 },
    },
    shownBy: 4,
    takes: "an update of a VM is under way to Azure while another controller updates that VM",
    noticedBy: "test/contract/cloud-provisioner.test.ts",
  },
  {
    name: "intent",
    removes: "nothing is attached to a node that is being fenced",
    edits: {
      file: WRITER_STEPS,
      find: `return !(record.fencing !== undefined && isSameVm(record.fencing, node));`,
      replace: `return true;`,
    },
    alsoRemoves: ["fence-bars", "held-device"],
    breaks: ["two-writers"],
    storm: frozenInMountStorm,
    takes:
      "a node with a mount command under way is fenced, and its attachment is looked at before the " +
      "fence is cleared",
    noticedBy: "src/core/writer/record/writer-steps.test.ts",
  },
  {
    name: "quarantine",
    removes: "nothing is attached to a fenced node before it has shown that it is clean",
    edits: {
      file: WRITER_STEPS,
      find:
        `return ok(withQuarantine(withoutFencingOf(freed, node), ` +
        `withUidFrom(nodesNotOnlyClean(record), node)));`,
      replace: `return ok(withMarks(withoutFencingOf(freed, node), node, {}));`,
    },
    alsoRemoves: ["held-device"],
    breaks: ["two-writers"],
    storm: frozenInMountStorm,
    takes: "a node is fenced while an old mount command, or one of a frozen plug-in, is under way on it",
    noticedBy: "src/core/writer/record/writer-steps.test.ts",
  },
  {
    name: "proof",
    removes: "a fence that Azure calls a success has to be seen in the VM's list",
    edits: {
      file: FENCE_BATCH,
      find: `    off: detached.filter((request) => !isListed(request)),`,
      replace: `    off: detached,`,
    },
    alsoRemoves: ["disk-names-owner"],
    breaks: ["two-writers"],
    storm: { strikes: { "azure/succeeded-and-not-done": 6, "nodes/freeze-and-mark": 4 } },
    shownBy: 2,
    takes: "Azure calls a forced detach a success and leaves the disk where it is",
    noticedBy: "test/provisioner/lying-azure.test.ts",
  },
  {
    name: "bump",
    removes: "a fence moves the VM's ETag even where the disk is off already",
    edits: {
      file: FENCE_BATCH,
      find: `    const etagWrite = forced === undefined`,
      replace: `    const isOff = (request: VmRequest): boolean => !listsAny(before, new Set([request.diskKey]));
    const reads = { before, after: before };
    if (allowed.every(isOff))
      return proveAll(allowed, (request) => proveEntryGone(this.#context, reads, request, this.#lifetime));
    const etagWrite = forced === undefined`,
    },
    alsoRemoves: ["held-device"],
    breaks: ["two-writers"],
    storm: pulledInMountStorm,
    takes:
      "an attach is under way to Azure while another controller fences that node, from which the disk is off",
    noticedBy: "test/contract/cloud-provisioner.test.ts",
  },
  {
    name: "unverified",
    removes:
      "a node that has a disk attached whose record was lost counts as a writer until it shows otherwise",
    edits: {
      file: WRITER_STEPS,
      find: `    (record, node) => withUnverified(record, node, { unconfirmed: true }),
    fenced,
  );
  const named = unverified.reduce((record, node) => withUnverified(record, node), suspected);
`,
      replace: `    (record, node) => withMarks(record, node, {}),
    fenced,
  );
  const named = unverified.reduce((record, node) => withMarks(record, node, {}), suspected);
`,
    },
    breaks: ["two-writers", "healthy-writer-cut-off"],
    storm: recordsLostStorm,
    takes: "an AzVolume is lost, or the store restored, while a node writes, and the pod moves",
    noticedBy: "src/core/writer/record/writer-steps.test.ts",
  },
  {
    name: "requarantine",
    removes: "after a record loss, every node counts as fenced until it has shown that it is clean",
    edits: {
      file: WRITER_STEPS,
      find: `?.access ?? record.defaultAccess;`,
      replace: `?.access ?? "clean";`,
    },
    alsoRemoves: ["held-device", "earlier-said"],
    breaks: ["two-writers"],
    storm: recordLostStorm,
    shownBy: 7,
    takes: "a node is fenced with an old mount command under way, and then the AzVolume is lost",
    noticedBy: "src/core/writer/record/writer-steps.test.ts",
  },
  {
    name: "by-name",
    removes: "a VM is fenced at its resource id, never at the node's name",
    edits: {
      file: "src/provisioner/azure-cloud-provisioner.ts",
      find: `    barrier: onVm(barrier.bind(undefined, attachments)),
`,
      replace: `    barrier: (request, signal) => {
      const { nodeName, instanceUri } = request.node;
      const node = {
        ...request.node,
        instanceUri: \`\${instanceUri.slice(0, instanceUri.lastIndexOf("/"))}/\${nodeName}\`,
      };
      const pass: CloudProvisioner["barrier"] = onVm(barrier.bind(undefined, attachments));
      return pass(request.mode === "fence" ? { ...request, node } : request, signal);
    },
`,
    },
    alsoRemoves: ["owners-are-other-vms"],
    breaks: ["two-writers"],
    storm: { strikes: { "nodes/freeze-and-mark": 4 } },
    takes: "a node is fenced whose VM has another name than the node, and the disk still names that VM",
    noticedBy: "test/provisioner/node-resolution.test.ts",
  },
  {
    name: "bystander",
    removes: "a VM that no Node and no believed AzDriverNode names is no node, whatever it is called",
    edits: {
      file: "src/controller/node-of-vm.ts",
      find: `    ? undefined
`,
      replace: `    ? { nodeName: instanceUri.slice(instanceUri.lastIndexOf("/") + 1) }
`,
    },
    breaks: ["bystander-cut-off"],
    storm: bystanderStorm,
    takes: "a person attaches a disk to a VM that is no node of the cluster",
    noticedBy: "src/controller/adoption/compare-attachments.test.ts",
  },
  {
    name: "cluster-id",
    removes: "recovery rebuilds only the volumes of disks that this cluster has made",
    edits: {
      file: "src/controller/adoption/recover-volumes.ts",
      find: ` || clusterOf(disk.tags) !== ports.clusterId) return ok(false);`,
      replace: `) return ok(false);`,
    },
    breaks: ["neighbour-touched"],
    storm: twoClustersStorm,
    takes: "another cluster with the same driver has disks in the resource group, and recovery runs",
    noticedBy: "src/controller/adoption/recover-volumes.test.ts",
  },
  {
    name: "cluster-id-begins",
    removes: "a cluster id is compared as a whole, not by how it begins",
    edits: {
      file: "src/controller/adoption/recover-volumes.ts",
      find: ` || clusterOf(disk.tags) !== ports.clusterId) return ok(false);`,
      replace: ` || clusterOf(disk.tags)?.startsWith(ports.clusterId) !== true) return ok(false);`,
    },
    breaks: ["neighbour-touched"],
    storm: twoClustersStorm,
    takes:
      "another live cluster, whose id begins with this one's, has volumes in the resource group, and " +
      "recovery runs",
    noticedBy: "src/controller/adoption/recover-volumes.test.ts",
  },
  {
    name: "taken-name",
    removes: "CreateVolume adopts no disk of its name that another cluster has created",
    edits: {
      file: "src/controller/disk/disk-reconciler.ts",
      find: `if (otherCluster !== undefined && otherCluster !== clusterId)`,
      replace: `if (otherCluster === "none")`,
    },
    breaks: ["neighbour-touched"],
    storm: takenNamesStorm,
    takes: "a user asks for a volume by the name of another cluster's",
    noticedBy: "src/controller/disk/disk-reconciler.test.ts",
  },
  {
    name: "failed-is-own",
    removes:
      "CreateVolume writes a disk of its name that Azure has failed again only where the disk is its own",
    edits: {
      file: "src/provisioner/disk/disks.ts",
      find: `([name, value]) => !isOwnTag(name) || disk.tags[name] === value`,
      replace: `([name]) => !isOwnTag(name) || name !== ""`,
    },
    breaks: ["neighbour-touched"],
    storm: takenNamesStorm,
    shownBy: 65,
    takes: "a user asks for a volume by the name of another cluster's, whose disk's last update has failed",
    noticedBy: "test/contract/cloud-provisioner.test.ts",
  },
  {
    name: "gone",
    removes: "a VM is pruned only if Azure does not have it any more",
    edits: {
      file: "src/controller/fencing/ask-if-gone.ts",
      find: `if (proof.value === undefined) return ok(false);`,
      replace: `if (proof.value === undefined) continue;`,
    },
    alsoRemoves: ["held-device"],
    breaks: ["two-writers"],
    storm: deletedInMountStorm,
    shownBy: 42,
    takes:
      "a node is fenced with an old mount command under way, its Node is deleted by hand, and its " +
      "plug-in is silent for long",
    noticedBy: "src/controller/fencing/prune-nodes.test.ts",
  },
  {
    name: "child",
    removes: "a node with a live command of an earlier plug-in is not clean, and acquires nothing",
    edits: [
      {
        file: "src/core/node/judge-clean.ts",
        find: `    ...(evidence.earlierChildAlive
      ? ["an earlier plug-in instance, or a command that it started, is still alive"]
      : []),
`,
        replace: "",
      },
      {
        file: "src/node/writer/acquire-volume.ts",
        find: `  if (alive.value) return hostNotReady("a mount command of an earlier plug-in is still running");
`,
        replace: `
`,
      },
    ],
    breaks: ["two-writers"],
    storm: livingMountStorm,
    shownBy: 2,
    takes: "a plug-in is killed in the middle of a mount whose command lives on",
    noticedBy: "src/core/node/judge-clean.test.ts",
  },
  {
    name: "releaseClean",
    removes: "a node releases the volume only once nothing on it can write any more",
    edits: {
      file: "src/node/writer/release-volume.ts",
      find:
        `const clean = await verifyCleanOf(ports, read.value, { needsDevice, isFlushed }, signal);\n` +
        `  if (!clean.ok) return clean;`,
      replace: ``,
    },
    breaks: ["two-writers"],
    storm: livingMountStorm,
    shownBy: 2,
    takes: "a plug-in is killed in the middle of a mount whose command lives on, and the pod moves",
    noticedBy: "src/node/writer/acquire-volume.test.ts",
  },
];
