/** Names of Kubernetes' Nodes, and of Azure's VMs, which the standalone role has. */
const NODE_NAME = /^[A-Za-z0-9](?:[-._A-Za-z0-9]{0,251}[_A-Za-z0-9])?$/u;
const NAMESPACE = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/u;

/** Why a text is no node's name, as a `$(VARIABLE)` that the kubelet did not know; undefined: it is one. */
export function nodeNameProblem(text: string): string | undefined {
  return NODE_NAME.test(text)
    ? undefined
    : "expected the name of a node: 1 to 253 letters, digits, or any of - _ .";
}

export function namespaceProblem(text: string): string | undefined {
  return NAMESPACE.test(text)
    ? undefined
    : "expected the name of a namespace: 1 to 63 letters in lower case, digits, or -";
}
