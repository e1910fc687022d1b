import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import type { ApiClient } from "../../src/adapters/kubernetes/api/api-client.ts";
import { controllerSubjects, nodeSubjects } from "../../src/adapters/kubernetes/events/events-subjects.ts";
import { createKubernetesObjectStore } from "../../src/adapters/kubernetes/kubernetes-object-store.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { systemRandom } from "../../src/adapters/system/system-random.ts";
import { clusterEvents } from "../../src/compose/connect/cluster-events.ts";
import { type ClusterFacts, followCluster } from "../../src/compose/connect/cluster-facts.ts";
import { failureExamples } from "../../src/core/failure/testing/failure-examples.ts";
import { aVolume } from "../../src/core/testing/objects.ts";
import { toGrpcStatus } from "../../src/csi/server/to-grpc-status.ts";
import { createObjectCache } from "../../src/objects/cache/object-cache.ts";
import { silentLogger } from "../../src/ports/testing/silent-logger.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { volumeUsersContract, type VolumeUsersWorld } from "../contract/volume-users-contract.ts";
import { failingLogger } from "../contract/worlds/failing-logger.ts";
import {
  type ApiServer,
  FIRST_START_TIMEOUT_MS,
  startApiServer,
  whyNoApiServer,
} from "../kubernetes-store/api-server.ts";
import { type ClusterObjects, createClusterObjects } from "./cluster-objects.ts";
import {
  connectRestricted,
  controllerRules,
  create,
  nodeEventRules,
  ownObjectRules,
} from "./restricted-account.ts";

const DRIVER = "disk.csi.azure.com";
const TIMEOUT_MS = 240_000;
const TEST_TIMEOUT_MS = 900_000;
const never = new AbortController().signal;
const ports = { clock: systemClock, random: systemRandom, logger: silentLogger };
const diskOf = (name: string): string =>
  `/subscriptions/sub-1/resourceGroups/rg-1/providers/Microsoft.Compute/disks/${name}`;

const missing = await whyNoApiServer();

describe("queries of and events in Kubernetes' API server", { skip: missing ?? false }, () => {
  let server: ApiServer | undefined;
  after(() => server?.close());

  it("comes up", { timeout: FIRST_START_TIMEOUT_MS }, async (t) => {
    server = await startApiServer((line) => t.diagnostic(line));
  });

  volumeUsersContract("pods, with a controller's rights and no others", () => openUsersWorld(theServer()), {
    timeoutMs: TEST_TIMEOUT_MS,
  });

  it("evaluates pods that have ended, wait, or belong to a deleted claim", { timeout: TEST_TIMEOUT_MS }, () =>
    withCluster(theServer(), async ({ objects, facts, restricted }) => {
      const volumeId = diskOf(objects.nameOf("data"));
      const { users } = followCluster(restricted, DRIVER, ports);
      const asked = { nodeName: objects.nameOf("node-a"), volumeId };
      await objects.ensureClaim("data", volumeId);
      await objects.createPod("ended", { nodeName: "node-a", claims: ["data"], phase: "Succeeded" });
      await objects.createPod("failed", { nodeName: "node-a", claims: ["data"], phase: "Failed" });
      assert.deepEqual(await users.on(asked, never), { kind: "unused" });
      await objects.createPod("lost", { nodeName: "node-a", claims: ["nothing"] });
      const because =
        `pod ${objects.namespace}/lost names claim ${objects.namespace}/nothing, which does not exist, so ` +
        "its disk is unknown";
      // These caches have not synced: the disk's claims are unknown.
      assert.deepEqual(await users.on(asked, never), { kind: "unknown", because });
      // These have: the disk is another claim's.
      assert.deepEqual(await facts.users.on(asked, never), { kind: "unused" });
      await objects.createPod("waits", { nodeName: "node-a", claims: ["data"], phase: "Pending" });
      assert.deepEqual(await facts.users.on(asked, never), {
        kind: "used",
        users: [`pod ${objects.namespace}/waits`],
        areWaiting: true,
      });
    }),
  );

  it(
    "shows on volume, claim, waiting pod and node what a stage waits for",
    { timeout: TEST_TIMEOUT_MS },
    () =>
      withCluster(theServer(), async ({ admin, objects, facts, restricted }) => {
        const { namespace, nameOf } = objects;
        const diskUri = diskOf(nameOf("data"));
        const volume = aVolume();
        const store = createKubernetesObjectStore(admin, namespace);
        const made = await store.create("AzVolume", { metadata: { name: "data" }, spec: volume.spec }, never);
        assert.ok(made.ok, JSON.stringify(made));
        const { detail } = volume.status ?? {};
        assert.ok(detail !== undefined);
        const updated = await store.updateStatus(
          "AzVolume",
          {
            ...made.value,
            status: {
              state: "Created",
              observedGeneration: 1,
              conditions: [],
              detail: { ...detail, diskUri },
            },
          },
          never,
        );
        assert.ok(updated.ok, JSON.stringify(updated));
        await objects.setNode("node-a", {});
        await objects.ensureClaim("data", diskUri);
        await objects.createPod("waits", { nodeName: "node-b", claims: ["data"], phase: "Pending" });
        await objects.createPod("writes", { nodeName: "node-a", claims: ["data"], phase: "Running" });
        const own = createObjectCache({
          ...ports,
          store: createKubernetesObjectStore(restricted, namespace),
          kinds: ["AzVolume"],
        });
        await whileRunning([(signal) => own.run(signal)], async () => {
          await own.untilSynced(never);
          await untilTrue(
            "the pods",
            () => facts.users.cachedOn({ nodeName: nameOf("node-b"), volumeId: diskUri }).kind === "used",
          );
          const told = clusterEvents(
            {
              client: restricted,
              driverName: DRIVER,
              instance: "controller-1",
              subjectsOf: controllerSubjects({ objects: own, caches: facts.caches, namespace }),
            },
            { ...ports, logger: failingLogger },
          );
          const nodeClient = await connectRestricted(theServer(), admin, {
            namespace,
            name: "node",
            cluster: [],
            namespaces: { [namespace]: nodeEventRules, ...(await defaultNamespaceOnce(nodeEventRules)) },
          });
          const nodeName = nameOf("node-a");
          const toldByNode = clusterEvents(
            {
              client: nodeClient,
              driverName: DRIVER,
              instance: nodeName,
              subjectsOf: nodeSubjects({ objects: own, namespace, nodeName }),
            },
            { ...ports, logger: failingLogger },
          );
          await whileRunning([told.run, toldByNode.run], async () => {
            const waiting = {
              about: { kind: "AzVolume", name: "data" },
              reason: "WaitingForWriter",
              waitingOn: [nameOf("node-b")],
            } as const;
            const message =
              "node-b waits for the volume to be released by node-a, where pod writes still uses it";
            for (let times = 0; times < 5; times += 1) told.events.emit({ ...waiting, message });
            told.events.emit({
              ...waiting,
              reason: "Fencing",
              message: "node-a is cut off from the disk",
              nodeName: nameOf("node-a"),
            });
            toldByNode.events.emit({ about: waiting.about, reason: "WriterReclaimed", message: "claimed" });
            const describe = async (...what: readonly string[]): Promise<string> =>
              (await theServer().kubectl("describe", "--namespace", namespace, ...what)).output;
            const shows = (text: string, reason: string): number =>
              text
                .split("\n")
                .filter((line) => new RegExp(`^\\s+(?:Normal|Warning)\\s+${reason}\\s`, "u").test(line))
                .length;
            await untilTrue(
              "the last event",
              async () => shows(await describe("node", nameOf("node-a")), "WriterReclaimed") === 1,
            );
            await untilTrue(
              "the controller's last event",
              async () => shows(await describe("node", nameOf("node-a")), "Fencing") === 1,
            );
            for (const what of [
              ["pod", "waits"],
              ["persistentvolumeclaim", "data"],
              ["azvolume", "data"],
            ]) {
              const text = await describe(...what);
              assert.deepEqual([shows(text, "WaitingForWriter"), shows(text, "Fencing")], [1, 1], text);
              assert.match(
                text,
                /disk\.csi\.azure\.com.*node-b waits for the volume to be released by node-a, where pod writes still uses it\. It moves once it is not used there any more; if that node is dead, mark it out of service/u,
              );
            }
            const others = await describe("pod", "writes");
            assert.equal(shows(others, "WaitingForWriter"), 0, others);
            assert.equal(shows(await describe("azvolume", "data"), "WriterReclaimed"), 1);
            assert.equal(shows(await describe("node", nameOf("node-a")), "WaitingForWriter"), 0);
          });
        });
      }),
  );

  it(
    "removes what an attacker left on a VolumeAttachment and its PersistentVolume",
    { timeout: TEST_TIMEOUT_MS },
    () =>
      withCluster(theServer(), async ({ admin, objects, facts }) => {
        const finalizers = ["external-attacher/disk-csi-azure-com"];
        const name = objects.nameOf("data");
        await objects.ensureClaim("data", diskOf(name));
        const volumePath = `/api/v1/persistentvolumes/${name}`;
        await admin.call(
          {
            method: "PATCH",
            path: volumePath,
            body: { metadata: { finalizers } },
            contentType: "application/merge-patch+json",
          },
          never,
        );
        const attachments = "/apis/storage.k8s.io/v1/volumeattachments";
        await create(admin, attachments, {
          metadata: { name, finalizers },
          spec: { attacher: DRIVER, nodeName: "node-a", source: { persistentVolumeName: name } },
        });
        const expected = {
          name,
          volumeId: diskOf(name),
          nodeName: "node-a",
          isAttached: false,
          isTerminating: false,
        };
        const made = await facts.clusterVolumes.readAttachment(name, never);
        assert.ok(made.ok && made.value !== undefined);
        const { uid, version, ...shown } = made.value;
        assert.deepEqual(shown, expected);
        assert.deepEqual(
          await facts.clusterVolumes.deleteAttachment({ name, uid: "another", version }, never),
          { ok: true, value: false },
        );
        assert.deepEqual(await facts.clusterVolumes.deleteAttachment({ name, uid, version: "1" }, never), {
          ok: true,
          value: false,
        });
        await untilTrue("the attachment", () =>
          facts.clusterVolumes.attachments().some((attachment) => attachment.name === name),
        );
        assert.deepEqual(await facts.clusterVolumes.releaseAttachment(name, never), {
          ok: true,
          value: undefined,
        });
        assert.deepEqual(await facts.clusterVolumes.readAttachment(name, never), {
          ok: true,
          value: undefined,
        });
        const read = await admin.call({ method: "GET", path: volumePath }, never);
        assert.ok(read.ok);
        assert.equal(
          (
            read.value.body as { readonly metadata: { readonly finalizers?: readonly string[] } }
          ).metadata.finalizers?.includes("external-attacher/disk-csi-azure-com") ?? false,
          false,
        );
        await untilTrue(
          "its end",
          () => !facts.clusterVolumes.attachments().some((attachment) => attachment.name === name),
        );
        assert.deepEqual(await facts.clusterVolumes.nodePresence(objects.nameOf("absent"), never), "gone");
      }),
  );

  it(
    "takes the driver's longest answer as the error of a VolumeAttachment",
    { timeout: TEST_TIMEOUT_MS },
    () =>
      withCluster(theServer(), async ({ admin, objects }) => {
        const name = objects.nameOf("data");
        const attachments = "/apis/storage.k8s.io/v1/volumeattachments";
        await create(admin, attachments, {
          metadata: { name },
          spec: { attacher: DRIVER, nodeName: "node-a", source: { persistentVolumeName: name } },
        });
        // As external-attacher does with what gRPC for Go makes of an answer.
        const save = (details: string): ReturnType<ApiClient["call"]> =>
          admin.call(
            {
              method: "PATCH",
              path: `${attachments}/${name}/status`,
              body: {
                status: {
                  attachError: {
                    time: new Date(0).toISOString(),
                    message: `rpc error: code = Internal desc = ${details}`,
                  },
                },
              },
              contentType: "application/merge-patch+json",
            },
            never,
          );
        const codeOf = async (saved: ReturnType<typeof save>): Promise<number> => {
          const answer = await saved;
          assert.ok(answer.ok, JSON.stringify(answer));
          return answer.value.code;
        };
        for (const character of ["x", "字"]) {
          const { details } = toGrpcStatus({
            ...failureExamples.CloudRejected,
            message: character.repeat(3_000),
          });
          assert.equal(await codeOf(save(details)), 200);
          assert.equal(await codeOf(save(`${details}${"x".repeat(20)}`)), 422);
        }
      }),
  );

  function theServer(): ApiServer {
    if (server === undefined) throw new Error("there is no API server");
    return server;
  }

  /** Events of Nodes are in a namespace that a controller would create. */
  async function defaultNamespaceOnce<R>(rules: R): Promise<Readonly<Record<string, R>>> {
    await theServer().kubectl("create", "namespace", "default");
    return { default: rules };
  }
});

interface World {
  readonly admin: ApiClient;
  readonly restricted: ApiClient;
  readonly objects: ClusterObjects;
  readonly facts: ClusterFacts;
}

/** A separate world in the cluster, followed with a controller's rights. */
async function openCluster(server: ApiServer): Promise<World & { readonly close: () => Promise<void> }> {
  const namespace = await server.newNamespace();
  const admin = server.connect();
  const objects = await createClusterObjects(admin, namespace);
  const restricted = await connectRestricted(server, admin, {
    namespace,
    name: "controller",
    cluster: controllerRules,
    namespaces: { [namespace]: ownObjectRules },
  });
  const facts = followCluster(restricted, DRIVER, ports);
  const life = new AbortController();
  const running = facts.run(life.signal);
  await facts.untilSynced(AbortSignal.timeout(TIMEOUT_MS));
  return {
    admin,
    restricted,
    objects,
    facts,
    close: async () => {
      life.abort();
      await running;
      for (const client of [admin, restricted]) client.close();
    },
  };
}

async function withCluster(server: ApiServer, use: (world: World) => Promise<void>): Promise<void> {
  const world = await openCluster(server);
  try {
    await use(world);
  } finally {
    await world.close();
  }
}

async function whileRunning(
  runs: readonly ((signal: AbortSignal) => Promise<void>)[],
  use: () => Promise<void>,
): Promise<void> {
  const life = new AbortController();
  const running = runs.map((run) => run(life.signal));
  try {
    await use();
  } finally {
    life.abort();
    await Promise.all(running);
  }
}

async function untilTrue(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  await waitUntil(what, { timeoutMs: TIMEOUT_MS }, async () => (await holds()) || undefined);
}

/**
 * Names of the contract are the world's own, and so are disks, because PersistentVolumes have no namespace.
 */
async function openUsersWorld(server: ApiServer): Promise<VolumeUsersWorld> {
  const { objects, facts, close } = await openCluster(server);
  const { users } = facts;
  const { nameOf } = objects;
  const disk = (volumeId: string): string => `${volumeId}-${objects.namespace}`;
  const there = (request: {
    readonly nodeName: string;
    readonly volumeId: string;
  }): { readonly nodeName: string; readonly volumeId: string } => ({
    nodeName: nameOf(request.nodeName),
    volumeId: disk(request.volumeId),
  });
  const outOfService = {
    key: "node.kubernetes.io/out-of-service",
    value: "nodeshutdown",
    effect: "NoExecute",
  };
  let isCutOff = false;
  return {
    users: {
      on: (request, signal) => users.on(there(request), signal),
      cachedOn: (request) => users.cachedOn(there(request)),
      isOutOfService: (nodeName, signal) => users.isOutOfService(nameOf(nodeName), signal),
      isUnschedulable: (nodeName, signal) => users.isUnschedulable(nameOf(nodeName), signal),
      cachedNode: (nodeName) => users.cachedNode(nameOf(nodeName)),
      cachedPods: (volumeId) => users.cachedPods(disk(volumeId)),
      cachedClaimPods: (claim) => users.cachedClaimPods(claim),
      cachedCompanions: (volumeId) => users.cachedCompanions(disk(volumeId)),
      cachedNodeNameOf: (instanceUri) => users.cachedNodeNameOf(instanceUri),
      cachedPlacement: (volumeId) => users.cachedPlacement(disk(volumeId)),
      onChange: (listener) =>
        users.onChange((nodeName, changed) =>
          listener(nodeName.slice(objects.namespace.length + 1), changed),
        ),
    },
    setNode: (nodeName, { isOutOfService = false, isUnschedulable = false }) =>
      objects.setNode(nodeName, { taints: isOutOfService ? [outOfService] : [], isUnschedulable }),
    beginUse: async ({ nodeName, volumeId, user }) => {
      const claim = volumeId.toLowerCase().split("/").at(-1) ?? "";
      await objects.ensureClaim(claim, disk(volumeId));
      await objects.createPod(user, { nodeName, claims: [claim], phase: "Running" });
    },
    beginEnd: (user) => objects.deletePod(user, 30),
    endUse: (user) => objects.deletePod(user, 0),
    untilCached: untilTrue,
    cutOff: async () => {
      isCutOff = true;
      await server.kill();
    },
    nameOf: (user) => `pod ${objects.namespace}/${user}`,
    close: async () => {
      await close();
      if (isCutOff) await server.start();
    },
  };
}
