import type { Manifest } from "./render-chart.ts";

interface PolicyRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

interface Role extends Manifest {
  readonly rules: readonly PolicyRule[];
}

interface Binding extends Manifest {
  readonly subjects: readonly { readonly kind: string; readonly name: string }[];
  readonly roleRef: { readonly kind: string; readonly name: string };
}

/** The label by which Kubernetes adds a role to one of its own. */
const AGGREGATED = /^rbac\.authorization\.k8s\.io\/aggregate-to-(\w+)$/u;

/**
 * The rights of each service account of the chart, and of people with a role of Kubernetes' own: one line a
 * resource, sorted. Roles of the cluster are listed by name.
 */
export function listPermissions(manifests: readonly Manifest[]): readonly string[] {
  const roles = manifests.filter(
    (manifest): manifest is Role => manifest.kind === "ClusterRole" || manifest.kind === "Role",
  );
  const bindings = manifests.filter(
    (manifest): manifest is Binding =>
      manifest.kind === "ClusterRoleBinding" || manifest.kind === "RoleBinding",
  );
  const lines = bindings.flatMap((binding) => {
    const where = binding.kind === "ClusterRoleBinding" ? "everywhere" : (binding.metadata.namespace ?? "");
    const role = roles.find(
      ({ kind, metadata }) =>
        kind === binding.roleRef.kind &&
        metadata.name === binding.roleRef.name &&
        (kind === "ClusterRole" || metadata.namespace === binding.metadata.namespace),
    );
    const may =
      role === undefined
        ? [`all that the cluster's ${binding.roleRef.kind} ${binding.roleRef.name} says`]
        : role.rules.flatMap(describeRule);
    return binding.subjects.flatMap(({ name }) => may.map((what) => `| ${name} | ${where} | ${what} |`));
  });
  const ofPeople = roles.flatMap(({ metadata: { labels = {} }, rules }) =>
    Object.keys(labels).flatMap((label) => {
      const [, role] = AGGREGATED.exec(label) ?? [];
      const who = role === undefined ? [] : [`people with Kubernetes' ${role}`];
      return who.flatMap((person) =>
        rules.flatMap(describeRule).map((what) => `| ${person} | as it is bound | ${what} |`),
      );
    }),
  );
  return [...lines, ...ofPeople].toSorted();
}

function describeRule({ apiGroups, resources, resourceNames, verbs }: PolicyRule): readonly string[] {
  const names = resourceNames === undefined ? "" : ` named ${resourceNames.join(", ")}`;
  return apiGroups.flatMap((group) =>
    resources.map((resource) => `${resource}${group === "" ? "" : `.${group}`}${names}: ${verbs.join(", ")}`),
  );
}
