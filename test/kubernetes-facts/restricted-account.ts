import type { ApiClient } from "../../src/adapters/kubernetes/api/api-client.ts";
import type { ApiServer } from "../kubernetes-store/api-server.ts";

/** A rule of RBAC. */
export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/** The rights that the tests give the controller, in the whole cluster. */
export const controllerRules: readonly Rule[] = [
  { apiGroups: [""], resources: ["pods"], verbs: ["list", "watch"] },
  { apiGroups: [""], resources: ["nodes"], verbs: ["get", "list", "watch"] },
  { apiGroups: [""], resources: ["persistentvolumeclaims"], verbs: ["get", "list", "watch"] },
  { apiGroups: [""], resources: ["persistentvolumes"], verbs: ["get", "list", "watch", "patch"] },
  {
    apiGroups: ["storage.k8s.io"],
    resources: ["volumeattachments"],
    verbs: ["get", "list", "watch", "patch", "delete"],
  },
  { apiGroups: [""], resources: ["events"], verbs: ["create", "patch"] },
];

/**
 * A node plug-in's right to emit events: in the namespace of the driver's objects, and in that of Nodes'
 * events.
 */
export const nodeEventRules: readonly Rule[] = [
  { apiGroups: [""], resources: ["events"], verbs: ["create", "patch"] },
];

/** Both roles' read access to the driver's own objects here. */
export const ownObjectRules: readonly Rule[] = [
  { apiGroups: ["disk.csi.azure.com"], resources: ["azvolumes"], verbs: ["get", "list", "watch"] },
];

const never = new AbortController().signal;

/**
 * A service account with these rights in the whole cluster and in namespaces; returns a client with its
 * token.
 */
export async function connectRestricted(
  server: ApiServer,
  admin: ApiClient,
  account: {
    readonly namespace: string;
    readonly name: string;
    readonly cluster: readonly Rule[];
    readonly namespaces: Readonly<Record<string, readonly Rule[]>>;
  },
): Promise<ApiClient> {
  const { namespace, name } = account;
  const roleName = `${namespace}-${name}`;
  const subjects = [{ kind: "ServiceAccount", namespace, name }];
  const rbac = "/apis/rbac.authorization.k8s.io/v1";
  const bindTo = (kind: string): object => ({
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind, name: roleName },
    subjects,
  });
  await create(admin, `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name } });
  await create(admin, `${rbac}/clusterroles`, { metadata: { name: roleName }, rules: account.cluster });
  await create(admin, `${rbac}/clusterrolebindings`, {
    metadata: { name: roleName },
    ...bindTo("ClusterRole"),
  });
  for (const [where, rules] of Object.entries(account.namespaces)) {
    await create(admin, `${rbac}/namespaces/${where}/roles`, { metadata: { name: roleName }, rules });
    await create(admin, `${rbac}/namespaces/${where}/rolebindings`, {
      metadata: { name: roleName },
      ...bindTo("Role"),
    });
  }
  const request = {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    spec: { expirationSeconds: 3_600 },
  };
  const made = (await create(
    admin,
    `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`,
    request,
  )) as {
    readonly status: { readonly token: string };
  };
  return server.connect({
    config: {
      ...server.config,
      clientCertificate: undefined,
      token: { kind: "text", text: made.status.token },
    },
  });
}

/** Creates an object, and returns it. */
export async function create(client: ApiClient, path: string, body: object): Promise<unknown> {
  const made = await client.call({ method: "POST", path, body }, never);
  if (!made.ok || made.value.code > 201) throw new Error(`POST ${path}: ${JSON.stringify(made)}`);
  return made.value.body;
}
