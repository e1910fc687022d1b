import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { isDeepStrictEqual } from "node:util";
import type { ApiAnswer, ApiClient, ApiRequest } from "../../src/adapters/kubernetes/api/api-client.ts";
import { DRIVERS_MARK } from "../../src/adapters/kubernetes/core/core-node.ts";
import { createKubernetesObjectStore } from "../../src/adapters/kubernetes/kubernetes-object-store.ts";
import { createNodeMarks } from "../../src/adapters/kubernetes/node-marks.ts";
import type { AzVolumeAttachment } from "../../src/core/api/az-volume-attachment.ts";
import type { AzVolume, WriterRecord } from "../../src/core/api/az-volume.ts";
import type { NodeIdentity } from "../../src/core/api/identity/node-identity.ts";
import { ok } from "../../src/core/failure/result.ts";
import { changedRecord } from "../../src/core/testing/record-lists.ts";
import { nodesNotOnlyClean } from "../../src/core/writer/record/record-nodes.ts";
import type { Step } from "../../src/core/writer/record/writer-steps.ts";
import * as steps from "../../src/core/writer/record/writer-steps.ts";
import { attachmentLabels, newAttachment } from "../../src/objects/new-attachment.ts";
import type { ObjectStore } from "../../src/ports/store/object-store.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { reasonAgainstKubernetes } from "../cluster/older-kubernetes.ts";
import { FIRST_START_TIMEOUT_MS, startApiServer, whyNoApiServer } from "../kubernetes-store/api-server.ts";
import type { ApiServer } from "../kubernetes-store/api-server.ts";
import { detail, heartbeat, newVolume, nodeWrites, verdictOf } from "./node-writes.ts";
import {
  boundTo,
  controllerSteps,
  EARLIER_UID,
  forgeries,
  found,
  fresh,
  NODE_A_UID,
  nodeA,
  nodeB,
  nodeC,
  nodeSteps,
  OTHERS_ENTRY,
  written,
} from "./record-writes.ts";
import { renderChart, RELEASE } from "./render-chart.ts";

const NAMESPACE = "azure-disk-csi";
const NODE_ACCOUNT = "csi-azuredisk-node-sa";
const CONTROLLER_ACCOUNT = "csi-azuredisk-controller-sa";
const TAINT = "disk.csi.azure.com/agent-not-ready";
const ACTIVE_MAX_MS = 120_000;
const SINCE = "2026-01-01T00:00:00Z";
/** The rule refuses for the reason it states, not because it could not be evaluated. */
const REFUSED = /denied request: (?!expression)/u;
const never = new AbortController().signal;

interface Made {
  readonly metadata: { readonly uid: string };
}

interface Policy {
  readonly metadata: { readonly name: string };
  readonly status?: { readonly typeChecking?: object };
}

describe(
  "what a token of the driver may change",
  { skip: (await whyNoApiServer()) ?? false, timeout: FIRST_START_TIMEOUT_MS },
  () => {
    let server: ApiServer;
    let admin: ApiClient;
    let signIn: (account: string, boundObjectRef?: object) => Promise<ApiClient>;
    let tokenOf: (node: string | undefined) => Promise<ApiClient>;
    let onA: ApiClient;
    let uidOfA: string;
    let folder: string;
    const refusals: string[] = [];

    async function must(client: ApiClient, request: ApiRequest): Promise<ApiAnswer["body"]> {
      const answer = await client.call(request, never);
      assert.ok(
        answer.ok && answer.value.code < 300,
        `${request.method} ${request.path}: ${JSON.stringify(answer)}`,
      );
      return answer.value.body;
    }

    /** The message of the refusal; undefined if the request is allowed. */
    async function refusal(client: ApiClient, request: ApiRequest): Promise<string | undefined> {
      const answer = await client.call(request, never);
      assert.ok(answer.ok, JSON.stringify(answer));
      if (answer.value.code < 300) return undefined;
      const { message } = answer.value.body as { readonly message: string };
      refusals.push(message);
      return message;
    }

    const pathOf = (plural: string, name = "", subresource = ""): string =>
      `/apis/disk.csi.azure.com/v1/namespaces/${NAMESPACE}/${plural}${name === "" ? "" : `/${name}`}${subresource === "" ? "" : `/${subresource}`}`;

    before(async () => {
      server = await startApiServer((line) => console.log(line));
      admin = server.connect();
      folder = await mkdtemp(join(tmpdir(), "admission-"));
      const file = join(folder, "chart.json");
      // No kubelet runs here: the chart's DaemonSet is left out.
      const items = (await renderChart({ attach: "driver" })).filter(({ kind }) => kind !== "DaemonSet");
      await writeFile(file, JSON.stringify({ apiVersion: "v1", kind: "List", items }));
      const applied = await server.kubectl("apply", "--server-side", "--force-conflicts", "-f", file);
      assert.equal(applied.code, 0, applied.output);
      for (const name of [nodeA, nodeB].map(({ nodeName }) => nodeName)) {
        const taints = [
          { key: TAINT, value: "", effect: "NoExecute" },
          { key: "mine", value: "", effect: "NoSchedule" },
        ];
        const node = (await must(admin, {
          method: "POST",
          path: "/api/v1/nodes",
          body: { metadata: { name }, spec: { taints } },
        })) as Made;
        if (name === "node-a") uidOfA = node.metadata.uid;
        const pod = {
          metadata: { name: `csi-${name}` },
          spec: {
            nodeName: name,
            serviceAccountName: NODE_ACCOUNT,
            containers: [{ name: "azuredisk", image: "none" }],
          },
        };
        await must(admin, {
          method: "POST",
          path: `/api/v1/namespaces/${RELEASE.namespace}/pods`,
          body: pod,
        });
      }
      signIn = async (account, boundObjectRef) => {
        const path = `/api/v1/namespaces/${RELEASE.namespace}/serviceaccounts/${account}/token`;
        const { status } = (await must(admin, {
          method: "POST",
          path,
          body: { spec: { boundObjectRef } },
        })) as { readonly status: { readonly token: string } };
        return server.connect({
          config: {
            ...server.config,
            clientCertificate: undefined,
            token: { kind: "text", text: status.token },
          },
        });
      };
      tokenOf = (node) =>
        signIn(
          NODE_ACCOUNT,
          node === undefined ? undefined : { kind: "Pod", apiVersion: "v1", name: `csi-${node}` },
        );
      onA = await tokenOf("node-a");
      const probe = {
        apiVersion: "disk.csi.azure.com/v1",
        kind: "AzDriverNode",
        metadata: { name: "node-b" },
        spec: { nodeName: "node-b" },
      };
      await waitUntil("the policies to be enforced", { timeoutMs: ACTIVE_MAX_MS }, async () => {
        const refused = await refusal(onA, {
          method: "POST",
          path: `${pathOf("azdrivernodes")}`,
          query: { dryRun: "All" },
          body: probe,
        });
        return refused?.includes("a node writes only its own AzDriverNode") === true ? true : undefined;
      });
    });
    after(async () => {
      await server?.close();
      await rm(folder, { recursive: true, force: true });
    });

    let made = 0;
    async function aVolume(status: Partial<NonNullable<AzVolume["status"]>>): Promise<AzVolume> {
      const name = `pvc-${++made}`;
      const spec = { ...newVolume.spec, volumeName: name };
      const object = { apiVersion: "disk.csi.azure.com/v1", kind: "AzVolume", metadata: { name }, spec };
      const created = (await must(admin, {
        method: "POST",
        path: pathOf("azvolumes"),
        body: object,
      })) as AzVolume;
      const full = { state: "Created", observedGeneration: 1, detail, conditions: [], ...status };
      return (await must(admin, {
        method: "PUT",
        path: pathOf("azvolumes", name, "status"),
        body: { ...created, status: full },
      })) as AzVolume;
    }

    async function tryStatus(
      from: AzVolume,
      status: object | undefined,
      client: ApiClient = onA,
    ): Promise<string | undefined> {
      return refusal(client, {
        method: "PUT",
        path: pathOf("azvolumes", from.metadata.name, "status"),
        body: { ...from, status },
      });
    }

    async function tryRecord(
      from: WriterRecord,
      to: WriterRecord,
      client?: ApiClient,
    ): Promise<string | undefined> {
      const volume = await aVolume({ record: withRealUid(from) });
      return tryStatus(volume, { ...volume.status, record: withRealUid(to) }, client);
    }

    /** The API server assigns the Node of node-a a uid. */
    const withRealUid = (record: WriterRecord): WriterRecord =>
      JSON.parse(JSON.stringify(record).replaceAll(`"${NODE_A_UID}"`, `"${uidOfA}"`)) as WriterRecord;

    function moved(step: Step): WriterRecord {
      assert.ok(step.ok, JSON.stringify(step));
      return step.value;
    }

    for (const { name, from, step } of nodeSteps) {
      it(`lets a node do its own step: ${name}`, async () => {
        assert.equal(await tryRecord(from(nodeA), moved(step(from(nodeA), nodeA))), undefined);
      });
      // Repeating an acquire changes nothing, so it is allowed from any node.
      if (name === "acquire again") continue;
      it(`refuses the same step of another node: ${name}`, async () => {
        assert.match((await tryRecord(from(nodeB), moved(step(from(nodeB), nodeB)))) ?? "allowed", REFUSED);
      });
      it(`refuses it to a token that names no node: ${name}`, async () => {
        const refused = await tryRecord(
          from(nodeA),
          moved(step(from(nodeA), nodeA)),
          await tokenOf(undefined),
        );
        assert.match(refused ?? "allowed", /the token names no node/u);
      });
    }
    for (const { name, from, step } of nodeSteps)
      it(`holds a node to the entries with the uid of its Node: ${name}`, async () => {
        const [own, earlier] = [boundTo(from(nodeA), NODE_A_UID), boundTo(from(nodeA), EARLIER_UID)];
        assert.equal(await tryRecord(own, moved(step(own, nodeA))), undefined);
        const later = moved(step(earlier, nodeA));
        const isMoved = !isDeepStrictEqual(
          [earlier.writer, nodesNotOnlyClean(earlier)],
          [later.writer, nodesNotOnlyClean(later)],
        );
        const refused = (await tryRecord(earlier, moved(step(earlier, nodeA)))) ?? "allowed";
        assert.match(refused, new RegExp(isMoved ? `denied request: ${OTHERS_ENTRY}$` : "^allowed$", "u"));
      });
    for (const { name, from, step } of controllerSteps)
      it(`refuses a controller's step: ${name}`, async () => {
        assert.match((await tryRecord(from, moved(step(from)))) ?? "allowed", REFUSED);
      });
    for (const { name, from, to } of forgeries)
      it(`refuses ${name}`, async () => {
        assert.match((await tryRecord(from, to)) ?? "allowed", REFUSED);
      });

    it("accepts a record with thousands of nodes", async () => {
      const many = Array.from({ length: 5_000 }, (_, index) => ({ ...nodeC, nodeName: `node-${index}` }));
      const record = changedRecord(found, { unverified: [], clean: many });
      assert.equal(await tryRecord(record, moved(steps.proveClean(record, nodeA, "quarantined"))), undefined);
    });

    const updatesOfMissing =
      reasonAgainstKubernetes("1.34", "404 for such an update") === undefined
        ? "ObjectNotFound"
        : "ObjectConflict";
    const onCluster = (client: ApiClient): ObjectStore => createKubernetesObjectStore(client, NAMESPACE);
    for (const row of nodeWrites)
      it(row.name, async () => {
        const verdict = await verdictOf({ admin: onCluster(admin), node: onCluster(onA) }, row);
        refusals.push(verdict);
        assert.equal(verdict, row.verdict === "ObjectNotFound" ? updatesOfMissing : row.verdict);
      });

    function anAttachment(node: NodeIdentity): object {
      const volumeId = `${detail.diskUri}-${++made}`;
      const spec = {
        volumeName: "pvc-1",
        volumeId,
        nodeName: node.nodeName,
        role: "Primary",
        writerRequest: { since: SINCE },
        readOnly: false,
        volumeContext: {},
      } as const;
      return { apiVersion: "disk.csi.azure.com/v1", kind: "AzVolumeAttachment", ...newAttachment(spec) };
    }

    it("leaves room for the deletion of an attachment that its node has filled", async () => {
      const fill = (chars: number): string => "<".repeat(chars);
      const plain = anAttachment(nodeA) as AzVolumeAttachment;
      const volumeContext = { a: fill(16_383) };
      const spec = { ...plain.spec, volumeName: "v".repeat(253), volumeContext };
      const made = { ...plain, spec, metadata: { ...plain.metadata, labels: attachmentLabels(spec) } };
      const post = { method: "POST", path: pathOf("azvolumeattachments") } as const;
      const owner = { apiVersion: "v1", kind: "Pod", name: "a", uid: "u" };
      const owned = { ...made, metadata: { ...made.metadata, ownerReferences: [owner] } };
      assert.match(
        (await refusal(onA, { ...post, body: owned })) ?? "allowed",
        /without annotations and owners/u,
      );
      await must(onA, { ...post, body: made });
      const path = pathOf("azvolumeattachments", plain.metadata.name);
      const change = async (
        client: ApiClient,
        part: "" | "/status",
        to: (present: AzVolumeAttachment) => object,
      ): Promise<string | undefined> => {
        const present = (await must(admin, { method: "GET", path })) as AzVolumeAttachment;
        return refusal(client, {
          method: "PUT",
          path: `${path}${part}`,
          body: { ...present, ...to(present) },
        });
      };
      const tracked = (fieldsV1: object) => (present: AzVolumeAttachment) => {
        const entry = { manager: "m", operation: "Update", fieldsType: "FieldsV1", time: SINCE, fieldsV1 };
        const managedFields = [{ ...entry, apiVersion: "disk.csi.azure.com/v1" }];
        return { metadata: { ...present.metadata, managedFields } };
      };
      const TRACKED = /managedFields of an AzVolumeAttachment have at most/u;
      const wide = { "f:spec": { [`f:${fill(66_000)}`]: {} } };
      const deep = { "f:spec": { "f:a": { "f:b": { "f:c": { [`f:${fill(66_000)}`]: {} } } } } };
      for (const fields of [wide, deep])
        assert.match((await change(onA, "", tracked(fields))) ?? "allowed", TRACKED);
      assert.equal(await change(onA, "", tracked({ "f:spec": { [`f:${fill(60_000)}`]: {} } })), undefined);
      const attached = {
        state: "Attached",
        role: "Primary",
        lun: 1,
        vmId: nodeA.vmId,
        instanceUri: nodeA.instanceUri,
      };
      assert.equal(await change(admin, "/status", () => ({ status: attached })), undefined);
      const published = Array.from({ length: 16 }, () => fill(4_096));
      const recall = { id: fill(256), published, unmounting: true, progress: fill(256), time: fill(64) };
      assert.equal(await change(onA, "/status", () => ({ status: { ...attached, recall } })), undefined);
      const error = { kind: "k", message: fill(16_384), failure: fill(16_384), time: SINCE, retries: 1 };
      const status = { ...attached, recall, error };
      assert.equal(await change(admin, "/status", () => ({ status })), undefined);
      const asked = { id: "r", since: SINCE };
      const recalled = (present: AzVolumeAttachment) => ({ spec: { ...present.spec, recall: asked } });
      assert.equal(await change(admin, "", recalled), undefined);
      await must(admin, { method: "DELETE", path });
      const freed = (present: AzVolumeAttachment) => ({ metadata: { ...present.metadata, finalizers: [] } });
      assert.equal(await change(admin, "", freed), undefined);
      const last = await admin.call({ method: "GET", path }, never);
      assert.equal(last.ok && last.value.code, 404);
    });

    const taints = (value: readonly object[]) => [{ op: "replace", path: "/spec/taints", value }];
    const patch = (node: string, body: object): ApiRequest => ({
      method: "PATCH",
      path: `/api/v1/nodes/${node}`,
      body,
      contentType: "application/json-patch+json",
    });
    const LABELED = [{ op: "add", path: "/metadata/labels", value: { zone: "2" } }];
    const CORDONED = [{ op: "add", path: "/spec/unschedulable", value: true }];

    it("lets a node remove only the start-up taint, and only from itself", async () => {
      const { spec } = (await must(admin, { method: "GET", path: "/api/v1/nodes/node-a" })) as {
        readonly spec: { readonly taints: readonly { readonly key: string }[] };
      };
      const kept = spec.taints.filter(({ key }) => key !== TAINT);
      assert.match((await refusal(onA, patch("node-b", taints(kept)))) ?? "allowed", /only its own Node/u);
      const more = [{ key: "more", effect: "NoSchedule" }];
      const forbidden = [taints([]), taints([...kept, ...more]), LABELED, CORDONED];
      for (const body of forbidden)
        assert.match((await refusal(onA, patch("node-a", body))) ?? "allowed", REFUSED, JSON.stringify(body));
      assert.equal(await refusal(onA, patch("node-a", taints(kept))), undefined);
    });

    it("lets a controller only mark a Node that is unreachable, and remove its mark", async () => {
      const nodeName = "node-e";
      const unreachable = { key: "node.kubernetes.io/unreachable", effect: "NoExecute" };
      const body = { metadata: { name: nodeName }, spec: { taints: [unreachable] } };
      const created = (await must(admin, { method: "POST", path: "/api/v1/nodes", body })) as Made & {
        readonly spec: { readonly taints: readonly { readonly key: string }[] };
      };
      const node = { nodeName, nodeUid: created.metadata.uid };
      const all = created.spec.taints;
      const others = all.filter(({ key }) => key !== unreachable.key);
      assert.ok(others.length > 0, "Kubernetes shows a new Node as not ready");
      const controller = await signIn(CONTROLLER_ACCOUNT);
      const ONLY_TAINTS = /changes only the taints of a Node/u;
      await waitUntil("the policy to be enforced", { timeoutMs: ACTIVE_MAX_MS }, async () => {
        const labeled = { ...patch(nodeName, LABELED), query: { dryRun: "All" } };
        return ONLY_TAINTS.test((await refusal(controller, labeled)) ?? "allowed") ? true : undefined;
      });
      const NOT_OWN = /of a Node's taints only its own/u;
      const NOT_UNREACHABLE = /only a Node that Kubernetes shows as unreachable/u;
      const rows = [
        { body: LABELED, says: ONLY_TAINTS },
        { body: CORDONED, says: ONLY_TAINTS },
        { body: taints([unreachable]), says: NOT_OWN },
        { body: taints([...all, { key: "more", effect: "NoExecute" }]), says: NOT_OWN },
        { body: taints([...all, { ...DRIVERS_MARK, value: "nodeshutdown" }]), says: NOT_OWN },
        { body: taints([...all, { ...DRIVERS_MARK, effect: "NoSchedule" }]), says: NOT_UNREACHABLE },
      ];
      const refusesAll = async (): Promise<void> => {
        for (const row of rows)
          assert.match(
            (await refusal(controller, patch(nodeName, row.body))) ?? "allowed",
            row.says,
            JSON.stringify(row.body),
          );
      };
      await refusesAll();
      assert.deepEqual(await createNodeMarks(controller).mark(node, never), ok(true));
      await refusesAll();
      await must(admin, patch(nodeName, taints([...others, DRIVERS_MARK])));
      assert.deepEqual(await createNodeMarks(controller).unmark(node, never), ok(true));
      const marked = patch(nodeName, taints([...others, DRIVERS_MARK]));
      assert.match((await refusal(controller, marked)) ?? "allowed", NOT_UNREACHABLE);
    });

    it("distinguishes the tokens of two Nodes of one name, and a token without a Node", async () => {
      const name = "node-d";
      const made = { method: "POST", path: "/api/v1/nodes", body: { metadata: { name } } } as const;
      const pod = {
        metadata: { name: `csi-${name}` },
        spec: {
          nodeName: name,
          serviceAccountName: NODE_ACCOUNT,
          containers: [{ name: "a", image: "none" }],
        },
      };
      await must(admin, { method: "POST", path: `/api/v1/namespaces/${RELEASE.namespace}/pods`, body: pod });
      const withoutNode = await tokenOf(name);
      const earlier = (await must(admin, made)) as Made;
      const onEarlier = await tokenOf(name);
      await must(admin, { method: "DELETE", path: `/api/v1/nodes/${name}` });
      const later = (await must(admin, made)) as Made;
      const onLater = await tokenOf(name);
      const verdict = async (client: ApiClient, nodeUid: string | undefined): Promise<string> => {
        const from = written({ ...nodeA, nodeName: name, ...(nodeUid === undefined ? {} : { nodeUid }) });
        return (await tryRecord(from, moved(steps.withdraw(from, { ...nodeA, nodeName: name })), client)) ===
          undefined
          ? "allowed"
          : "refused";
      };
      const verdicts = async (nodeUid: string | undefined): Promise<readonly string[]> =>
        Promise.all([withoutNode, onEarlier, onLater].map((client) => verdict(client, nodeUid)));
      assert.deepEqual(
        {
          earlier: await verdicts(earlier.metadata.uid),
          later: await verdicts(later.metadata.uid),
          none: await verdicts(undefined),
        },
        {
          earlier: ["refused", "allowed", "refused"],
          later: ["refused", "refused", "allowed"],
          none: ["allowed", "allowed", "allowed"],
        },
      );
    });

    it("has only rules whose fields exist", async () => {
      // The API server checks the types.
      const manager = join(folder, "kube-controller-manager");
      await symlink(server.programFile("kube-controller-manager"), manager);
      const flags = [
        "--controllers=validatingadmissionpolicy-status-controller",
        "--leader-elect=false",
        "--secure-port=0",
      ];
      const child = spawn(manager, [`--kubeconfig=${server.kubeconfigFile}`, ...flags], { stdio: "ignore" });
      try {
        const policies = await waitUntil(
          "the policies' types to be checked",
          { timeoutMs: ACTIVE_MAX_MS },
          async () => {
            const path = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies";
            const { items } = (await must(admin, { method: "GET", path })) as {
              readonly items: readonly Policy[];
            };
            return items.every(({ status }) => status?.typeChecking !== undefined) ? items : undefined;
          },
        );
        assert.deepEqual(
          policies.map(({ metadata, status }) => [metadata.name, status?.typeChecking]),
          [
            ...["node", "volumeattachment"].map((name) => `controller-${name}`),
            ...["azdrivernode", "azvolume", "azvolumeattachment", "node"].map((name) => `node-${name}`),
          ].map((name) => [`csi-azuredisk-${name}`, {}]),
        );
      } finally {
        child.kill("SIGKILL");
        await once(child, "close");
      }
    });

    it("refuses other nodes' objects even where RBAC would allow the write", async () => {
      const volume = await aVolume({ record: written(nodeA) });
      const attachment = (await must(admin, {
        method: "POST",
        path: pathOf("azvolumeattachments"),
        body: anAttachment(nodeA),
      })) as AzVolumeAttachment;
      const subjects = [{ kind: "ServiceAccount", name: NODE_ACCOUNT, namespace: RELEASE.namespace }];
      const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" };
      const body = { metadata: { name: "too-much" }, subjects, roleRef };
      await must(admin, {
        method: "POST",
        path: "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
        body,
      });
      const marked = { ...volume, spec: { ...volume.spec, deleteRequested: true } };
      const requests: readonly ApiRequest[] = [
        { method: "PUT", path: pathOf("azvolumes", volume.metadata.name), body: marked },
        { method: "DELETE", path: pathOf("azvolumes", volume.metadata.name) },
        { method: "DELETE", path: pathOf("azvolumeattachments", attachment.metadata.name) },
      ];
      for (const request of requests) {
        const refused = await waitUntil("the rights to be given", { timeoutMs: ACTIVE_MAX_MS }, async () => {
          const message = await refusal(onA, request);
          return message !== undefined && /cannot \w+ resource/u.test(message)
            ? undefined
            : (message ?? "allowed");
        });
        assert.match(refused, REFUSED, `${request.method} ${request.path}`);
      }
    });

    it("refuses epochs, counters and volume counts above their limits", async () => {
      const own = {
        apiVersion: "disk.csi.azure.com/v1",
        kind: "AzDriverNode",
        metadata: { name: "node-a" },
        spec: { nodeName: "node-a" },
      };
      const present = (await must(onA, {
        method: "POST",
        path: pathOf("azdrivernodes"),
        body: own,
      })) as object;
      const noted = (epoch: number) => ({ volumeName: "pvc-1", uid: "uid", epoch });
      const put = (status: object): ApiRequest => ({
        method: "PUT",
        path: pathOf("azdrivernodes", "node-a", "status"),
        body: { ...present, status: { ...heartbeat, ...status } },
      });
      const lies = [
        { volumes: [noted(2 ** 53)] },
        { heartbeat: 2 ** 53 },
        { volumes: Array.from({ length: 257 }, () => noted(1)) },
      ];
      for (const lie of lies)
        assert.match(
          (await refusal(onA, put(lie))) ?? "allowed",
          /is invalid/u,
          JSON.stringify(lie).slice(0, 80),
        );
      assert.equal(await refusal(onA, put({ volumes: [noted(1)] })), undefined);
    });

    it("gives nodes no right to create attachments with `attach: kubernetes`", async () => {
      const rightsOf = async (values: object): Promise<readonly string[]> => {
        const roles = (await renderChart(values)).filter(
          ({ kind, metadata }) =>
            kind === "Role" && (metadata as { readonly name: string }).name === "csi-azuredisk-node",
        );
        const rules = roles.flatMap(
          ({ rules: granted }) =>
            granted as readonly {
              readonly resources: readonly string[];
              readonly verbs: readonly string[];
            }[],
        );
        return rules
          .filter(({ resources }) => resources.includes("azvolumeattachments"))
          .flatMap(({ verbs }) => verbs);
      };
      assert.deepEqual(await rightsOf({}), ["get", "list", "watch", "update"]);
      assert.deepEqual(await rightsOf({ attach: "driver" }), ["get", "list", "watch", "create", "update"]);
    });

    it("lets a controller delete only VolumeAttachments of its own driver", async () => {
      const controller = await signIn(CONTROLLER_ACCOUNT);
      const collection = "/apis/storage.k8s.io/v1/volumeattachments";
      const verdictFor = async (attacher: string): Promise<string | undefined> => {
        const name = `csi-${++made}`;
        const spec = { attacher, nodeName: "node-a", source: { persistentVolumeName: "pvc-1" } };
        await must(admin, { method: "POST", path: collection, body: { metadata: { name }, spec } });
        return refusal(controller, { method: "DELETE", path: `${collection}/${name}` });
      };
      assert.equal(await verdictFor("disk.csi.azure.com"), undefined);
      assert.match(
        (await verdictFor("file.csi.azure.com")) ?? "",
        /the controller deletes only VolumeAttachments of its own driver/u,
      );
    });

    it("gives a controller no right to change Nodes with `stoppedNodes: wait`", async () => {
      for (const stoppedNodes of ["mark", "wait"]) {
        const manifests = await renderChart({ controller: { stoppedNodes } });
        const [verbs] = manifests
          .filter(
            ({ kind, metadata }) => kind === "ClusterRole" && metadata.name === "csi-azuredisk-controller",
          )
          .flatMap(
            ({ rules }) =>
              rules as readonly {
                readonly resources: readonly string[];
                readonly verbs: readonly string[];
              }[],
          )
          .flatMap(({ resources, verbs: granted }) => (resources.includes("nodes") ? [granted] : []));
        const isMarking = stoppedNodes === "mark";
        assert.deepEqual(verbs, ["get", "list", "watch", ...(isMarking ? ["patch"] : [])]);
        assert.equal(
          manifests.some(({ metadata }) => metadata.name === "csi-azuredisk-controller-node"),
          isMarking,
        );
      }
    });

    it("has no rule that nothing above tests", async () => {
      const policies = (await renderChart({})).filter(({ kind }) => kind === "ValidatingAdmissionPolicy");
      const rules = policies.flatMap(({ spec }) =>
        (spec as { readonly validations: readonly { readonly message: string }[] }).validations.map(
          ({ message }) => message,
        ),
      );
      assert.ok(rules.length > 20, `${rules.length} rules`);
      assert.deepEqual(
        [...new Set(rules)].filter((rule) => !refusals.some((refused) => refused.includes(rule))),
        [],
      );
    });

    it("lets an administrator write what a node may not", async () => {
      const volume = await aVolume({ record: written(nodeB, { held: false, requested: false }) });
      assert.equal(await tryStatus(volume, { ...volume.status, record: fresh }, admin), undefined);
    });
  },
);
