import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { runCommand } from "../../scripts/child/run-command.ts";
import { claimLabels } from "../../src/core/api/claim-labels.ts";
import { CONTROLLER_LEASE } from "../../src/core/api/lease.ts";
import { toTimestamp } from "../../src/core/primitives/timestamp.ts";
import { aVolume, diskUri } from "../../src/core/testing/objects.ts";
import {
  type ApiServer,
  FIRST_START_TIMEOUT_MS,
  startApiServer,
  whyNoApiServer,
} from "../kubernetes-store/api-server.ts";
import { type Manifest, renderChart } from "./render-chart.ts";
import { whyNoHelm } from "./run-helm.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const OBJECTS = "azure-disk-csi";
const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const OWN = `/apis/disk.csi.azure.com/v1/namespaces/${OBJECTS}`;
const KINDS = ["azvolumes", "azvolumeattachments", "azdrivernodes"];
const READS = ["get", "list", "watch"];
const VERBS = [...READS, "create", "update", "patch", "delete", "deletecollection"];
const PEOPLE = ["view", "edit", "admin"] as const;
const never = new AbortController().signal;

interface ClusterRole {
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly aggregationRule?: {
    readonly clusterRoleSelectors: readonly { readonly matchLabels: Readonly<Record<string, string>> }[];
  };
}

function isOfPeople({ metadata: { labels = {} } }: Manifest): boolean {
  return Object.keys(labels).some((label) => label.startsWith("rbac.authorization.k8s.io/aggregate-to-"));
}

describe(
  "the roles of people who look at the driver",
  {
    skip: (await whyNoHelm()) ?? (await whyNoApiServer()) ?? false,
    timeout: FIRST_START_TIMEOUT_MS,
  },
  () => {
    let server: ApiServer;

    before(async () => {
      server = await startApiServer((line) => console.log(line));
      for (const namespace of [OBJECTS, "shop", "people"])
        await post("/api/v1/namespaces", { metadata: { name: namespace } });
      const roles = (await renderChart({ snapshot: { enabled: true } })).filter(isOfPeople);
      for (const role of roles) await post(`${RBAC}/clusterroles`, role);
      for (const person of PEOPLE) await newAccount(person);

      await post(`${OWN}/azvolumes`, {
        apiVersion: "disk.csi.azure.com/v1",
        kind: "AzVolume",
        metadata: { name: "pvc-1", labels: claimLabels({ volume: "pv-1", namespace: "shop", name: "data" }) },
        spec: { ...aVolume().spec, diskUri },
      });
      await post("/api/v1/namespaces/shop/persistentvolumeclaims", {
        metadata: { name: "data" },
        spec: {
          accessModes: ["ReadWriteOnce"],
          resources: { requests: { storage: "10Gi" } },
          storageClassName: "managed-csi",
          volumeName: "pv-1",
        },
      });
      await post(`/apis/coordination.k8s.io/v1/namespaces/${OBJECTS}/leases`, {
        metadata: { name: CONTROLLER_LEASE },
        spec: {
          holderIdentity: "controller-0",
          leaseDurationSeconds: 15,
          renewTime: toTimestamp(Date.now()).replace("Z", "000Z"),
        },
      });
    });
    after(async () => server?.close());

    async function post<T>(path: string, body: object): Promise<T> {
      const answer = await server.connect().call({ method: "POST", path, body }, never);
      assert.ok(answer.ok && answer.value.code <= 201, `${path}: ${JSON.stringify(answer)}`);
      return answer.value.body as T;
    }

    async function get<T>(path: string): Promise<T> {
      const answer = await server.connect().call({ method: "GET", path }, never);
      assert.ok(answer.ok && answer.value.code === 200, `${path}: ${JSON.stringify(answer)}`);
      return answer.value.body as T;
    }

    /**
     * Makes an account with what Kubernetes' role of that name has once the controller manager, which does
     * not run here, has gathered it.
     */
    async function newAccount(role: string): Promise<void> {
      await post("/api/v1/namespaces/people/serviceaccounts", { metadata: { name: role } });
      const { items } = await get<{ readonly items: readonly ClusterRole[] }>(`${RBAC}/clusterroles`);
      for (const name of gathered(role, items))
        await post(`${RBAC}/clusterrolebindings`, {
          metadata: { name: `${role}-${name}` },
          roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
          subjects: [{ kind: "ServiceAccount", namespace: "people", name: role }],
        });
    }

    async function may(person: string, verb: string, group: string, resource: string): Promise<boolean> {
      const [name, subresource] = resource.split("/");
      const { status } = await post<{ readonly status: { readonly allowed: boolean } }>(
        "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        {
          spec: {
            user: `system:serviceaccount:people:${person}`,
            resourceAttributes: { namespace: OBJECTS, verb, group, resource: name, subresource },
          },
        },
      );
      return status.allowed;
    }

    /** The command status, as that account. */
    async function status(person: string, ...args: readonly string[]): ReturnType<typeof runCommand> {
      const made = await server.kubectl("create", "token", person, "--namespace", "people");
      assert.equal(made.code, 0, made.output);
      const config = JSON.parse(await readFile(server.kubeconfigFile, "utf8")) as {
        readonly users: readonly { readonly name: string }[];
      };
      const users = config.users.map(({ name }) => ({ name, user: { token: made.output.trim() } }));
      const file = join(dirname(server.kubeconfigFile), `${person}.kubeconfig`);
      await writeFile(file, JSON.stringify({ ...config, users }));
      return runCommand(
        process.execPath,
        ["src/main.ts", "status", ...args, "--kubeconfig", file, "--namespace", OBJECTS],
        { cwd: ROOT },
      );
    }

    for (const person of PEOPLE)
      it(`let ${person} read the driver's objects, and write none`, async () => {
        const mayOf = (group: string, resource: string): Promise<readonly string[]> =>
          Promise.all(
            VERBS.map(async (verb) => ((await may(person, verb, group, resource)) ? [verb] : [])),
          ).then((all) => all.flat());
        for (const kind of KINDS) {
          assert.deepEqual(await mayOf("disk.csi.azure.com", kind), READS);
          assert.deepEqual(await mayOf("disk.csi.azure.com", `${kind}/status`), []);
        }
        assert.deepEqual(
          await mayOf("snapshot.storage.k8s.io", "volumesnapshots"),
          person === "view" ? READS : VERBS,
        );
      });

    for (const { because, sought } of [
      { because: "all volumes", sought: [] },
      // The PersistentVolume, which names its disk, is not theirs to read.
      { because: "a claim", sought: ["shop/data"] },
      { because: "a PersistentVolume", sought: ["pv-1"] },
    ])
      it(`let view ask for the status of ${because}`, async () => {
        const { code, output } = await status("view", ...sought);
        assert.equal(code, 1, output);
        assert.match(output, /^pvc-1: not fine\n {2}claim {7}shop\/data\n/u);
        assert.match(output, /1 of 1 volumes are not fine; controller: Lease of controller-0, renewed/u);
        assert.doesNotMatch(output, /not read/u);
      });

    it("end the status of what may not be read with 3", async () => {
      const { code, output } = await status("view", "pv-2");
      assert.equal(code, 3, output);
      assert.match(output, /refused to get persistentvolumes: the account lacks the right/u);
    });
  },
);

/** The names of the cluster roles that a role of Kubernetes gathers by their labels, in all. */
function gathered(
  role: string,
  all: readonly ClusterRole[],
  known: readonly string[] = [],
): readonly string[] {
  const { aggregationRule } = all.find(({ metadata }) => metadata.name === role) ?? {};
  const selectors = aggregationRule?.clusterRoleSelectors ?? [];
  const isSelected = ({ metadata: { labels = {} } }: ClusterRole): boolean =>
    selectors.some(({ matchLabels }) =>
      Object.entries(matchLabels).every(([label, value]) => labels[label] === value),
    );
  const names = all.filter(isSelected).map(({ metadata }) => metadata.name);
  return names.reduce(
    (found, name) => (found.includes(name) ? found : gathered(name, all, [...found, name])),
    known,
  );
}
