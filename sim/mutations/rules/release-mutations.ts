import type { Mutation } from "../mutation.ts";
import { detachLateAndLostStorm, detachUnderWay, thereAndBackStorm, unnamedVmsStorm } from "../storms.ts";

const RELEASE_CHECK = "src/controller/writer/release-check.ts";
const READ_USERS = `const use = await ports.users.on({ nodeName: node.nodeName, volumeId }, signal);`;

/** The rules of the release check, under their names in its model. */
export const releaseMutations: readonly Mutation[] = [
  {
    name: "request",
    removes: "another node's request alone is no reason for a fence",
    edits: {
      file: "src/core/writer/plan-writer.ts",
      find: `if (observed.writerUse.kind === "unused") return [{ kind: "ReleaseCheck", node }];`,
      replace: `if (waiting.length > 0) return [{ kind: "BeginFence", node, ground: "off", distrusts: true, because: "another node waits" }];
  if (observed.writerUse.kind === "unused") return [{ kind: "ReleaseCheck", node }];`,
    },
    alsoRemoves: ["requested-is-not-fenced"],
    breaks: ["healthy-writer-cut-off"],
    storm: thereAndBackStorm,
    shownBy: 3,
    takes: "a volume is requested on one node while a pod runs on another",
    noticedBy: "src/core/writer/plan-writer.test.ts",
  },
  {
    name: "mark",
    removes:
      "the release check marks the writer unrequested before it checks for users, so that a new one can " +
      "renew the request",
    edits: [
      {
        file: RELEASE_CHECK,
        find: `  const withdrawn = await updateRecord(
    ports,
    { volumeName, nodeName: node.nodeName, step: "withdraw" },
    (record) => withdraw(record, node),
    signal,
  );
  if (!withdrawn.ok && withdrawn.failure.kind !== "NotWriter") return withdrawn;
`,
        replace: "",
      },
      {
        file: RELEASE_CHECK,
        find: `  if (writer === undefined || writer.requested || !isSameNode(writer, node))
`,
        replace: `  if (writer === undefined || !isSameNode(writer, node))
`,
      },
      {
        file: RELEASE_CHECK,
        find: `  return use.kind === "unused"
    ? ok({ kind: "unused", volume: fresh.value })
    : stillUsed(ports, request, use, signal);
`,
        replace: `  if (use.kind !== "unused") return stillUsed(ports, request, use, signal);
  if (!writer.requested) return ok({ kind: "unused", volume: fresh.value });
  const onlyAtVersion = fresh.value.metadata.resourceVersion;
  const late = await updateRecord(
    ports,
    { volumeName, nodeName: node.nodeName, step: "withdraw", onlyAtVersion },
    (record) => withdraw(record, node),
    signal,
  );
  return late.ok ? ok({ kind: "unused", volume: late.value }) : late;
`,
      },
    ],
    alsoRemoves: ["recall-first"],
    breaks: ["healthy-writer-cut-off"],
    storm: thereAndBackStorm,
    takes:
      "a pod comes back to its node between the question and the fence: a controller stands still there " +
      "for seconds",
    noticedBy: "src/controller/writer/release-check.test.ts",
  },
  {
    name: "pods",
    removes: "the release check asks whether a workload uses the volume",
    edits: [
      {
        file: RELEASE_CHECK,
        find: `const seen = await ports.users.on({ nodeName: node.nodeName, volumeId }, signal);`,
        replace: `const seen: VolumeUse = { kind: "unused" };`,
      },
      { file: RELEASE_CHECK, find: READ_USERS, replace: `const use: VolumeUse = { kind: "unused" };` },
    ],
    alsoRemoves: ["recall-and-cached-users-first"],
    breaks: ["healthy-writer-cut-off"],
    storm: thereAndBackStorm,
    shownBy: 1,
    takes: "a volume is requested on one node while a pod runs on another",
    noticedBy: "src/controller/writer/release-check.test.ts",
  },
  {
    name: "order",
    removes: "the release check asks for users only after it has read the record",
    edits: [{ file: RELEASE_CHECK, find: READ_USERS, replace: `const use = seen;` }],
    alsoRemoves: ["recall-first"],
    breaks: ["healthy-writer-cut-off"],
    storm: thereAndBackStorm,
    takes:
      "a pod comes back to its node while the release check is under way: a controller stands still " +
      "there for seconds",
    noticedBy: "src/controller/writer/release-check.test.ts",
  },
  {
    name: "renew",
    removes:
      "NodeStageVolume and NodePublishVolume renew the request of an unrequested writer before they let " +
      "a pod use it",
    edits: {
      file: "src/node/writer/check-held.ts",
      find: `if (writer.requested) return ok(writer);`,
      replace: `return ok(writer);`,
    },
    alsoRemoves: ["recall-first", "waits-to-be-requested"],
    breaks: ["healthy-writer-cut-off"],
    storm: thereAndBackStorm,
    shownBy: 3,
    takes:
      "a pod comes back to its node while the release check is under way: a controller stands still " +
      "there for seconds",
    noticedBy: "src/node/writer/acquire-volume.test.ts",
  },
  {
    name: "ending",
    removes: "only proof ends a fence: a node's release does not",
    edits: {
      file: "src/core/writer/record/writer-steps.ts",
      find: `return ok({ ...record, writer: { ...writer, held: false } });`,
      replace: `return ok(withoutFencingOf({ ...record, writer: { ...writer, held: false } }, node));`,
    },
    alsoRemoves: ["fence-admission"],
    breaks: ["healthy-writer-cut-off"],
    storm: { ...detachUnderWay, attach: "driver", strikes: { "azure/detach-late": 1 } },
    shownBy: 2,
    takes: "a forced detach is under way to Azure while its node releases the volume and is granted it again",
    noticedBy: "src/core/writer/record/writer-steps.test.ts",
  },
  {
    name: "barrier",
    removes: "after a record loss, no node writes on a VM before its ETag has moved",
    edits: {
      file: "src/core/writer/record/writer-steps.ts",
      find: `    barrierPending = [],
    epoch,
    storeIncarnation,
  } = found;`,
      replace: `    epoch,
    storeIncarnation,
  } = found;
  const barrierPending: readonly NodeIdentity[] = [];`,
    },
    breaks: ["healthy-writer-cut-off"],
    storm: detachLateAndLostStorm,
    shownBy: 2,
    takes:
      "a forced detach is under way to Azure when no record contains it any more, and its node reclaims " +
      "the volume or is granted it again",
    noticedBy: "src/core/writer/record/writer-steps.test.ts",
  },
  {
    name: "barrier-found-later",
    removes: "nor does a node that a record which was made again comes to name only later",
    edits: {
      file: "src/core/writer/record/writer-steps.ts",
      find: `return record.defaultAccess === "quarantined" && !isForeign(node)`,
      replace: `return node.nodeName === "" && !isForeign(node)`,
    },
    breaks: ["healthy-writer-cut-off"],
    storm: unnamedVmsStorm,
    shownBy: 5,
    takes:
      "the same, and all objects are lost, so that the VM is known by its resource id alone until its " +
      "node has registered again",
    noticedBy: "src/core/writer/record/writer-steps.test.ts",
  },
  {
    name: "fence-asks",
    removes: "a fence checks in each of its rounds whether the record still requests it",
    edits: {
      file: "src/provisioner/vm/fence-batch.ts",
      find: `await checkPreconditions(this.#openRequests().map((request) => ({ request })));`,
      replace: `this.#openRequests().map((request) => ({ request }));`,
    },
    breaks: ["healthy-writer-cut-off"],
    storm: detachLateAndLostStorm,
    shownBy: 2,
    takes:
      "a forced detach is under way for minutes when its record is lost or a backup is restored, and " +
      "its node reclaims the volume",
    noticedBy: "test/contract/cloud-provisioner.test.ts",
  },
];
