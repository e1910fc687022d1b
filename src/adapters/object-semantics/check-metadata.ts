import type { ObjectMeta } from "./stored-object.ts";

const NAME_LENGTH_MAX = 253;
const LABEL_LENGTH_MAX = 63;
const ANNOTATIONS_BYTES_MAX = 256 * 1024;

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LABEL = /^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)$/;

/**
 * The first thing that Kubernetes would refuse in an object's metadata, as `field: problem`; undefined if
 * there is none.
 */
export function metadataProblem(metadata: ObjectMeta): string | undefined {
  if (!isSubdomain(metadata.name))
    return (
      `metadata.name: "${metadata.name}" is not an RFC 1123 subdomain: lower-case letters, digits, "-" ` +
      `and "." only, beginning and ending with a letter or digit, at most ${NAME_LENGTH_MAX} characters`
    );
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    if (!isQualifiedName(key))
      return `metadata.labels: the key "${key}" is not a qualified name such as example.com/key`;
    if (value !== "" && !isLabelText(value))
      return (
        `metadata.labels.${key}: "${value}" is not a label value: at most ${LABEL_LENGTH_MAX} letters, ` +
        `digits, "-", "_" and "."`
      );
  }
  for (const key of Object.keys(metadata.annotations ?? {})) {
    if (!isQualifiedName(key.toLowerCase()))
      return `metadata.annotations: the key "${key}" is not a qualified name such as example.com/key`;
  }
  const annotationsBytes = Object.entries(metadata.annotations ?? {}).reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value),
    0,
  );
  if (annotationsBytes > ANNOTATIONS_BYTES_MAX)
    return `metadata.annotations: ${annotationsBytes} bytes are more than ${ANNOTATIONS_BYTES_MAX}`;
  for (const finalizer of metadata.finalizers ?? []) {
    if (!isQualifiedName(finalizer))
      return `metadata.finalizers: "${finalizer}" is not a qualified name such as example.com/finalizer`;
  }
  return undefined;
}

/** Whether a text is an RFC 1123 subdomain, as the names of objects are. */
export function isSubdomain(text: string): boolean {
  return text.length <= NAME_LENGTH_MAX && SUBDOMAIN.test(text);
}

function isLabelText(text: string): boolean {
  return text.length <= LABEL_LENGTH_MAX && LABEL.test(text);
}

function isQualifiedName(text: string): boolean {
  const [first, second, ...more] = text.split("/");
  if (first === undefined || more.length > 0) return false;
  return second === undefined ? isLabelText(first) : isSubdomain(first) && isLabelText(second);
}
