/** Whether two JSON values are equal, regardless of the order of keys. Neither holds undefined. */
export function sameJson(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) return false;
  if (Array.isArray(left))
    return (
      Array.isArray(right) &&
      left.length === right.length &&
      left.every((part, at) => sameJson(part, right[at]))
    );
  if (Array.isArray(right)) return false;
  const [fields, others] = [
    left as Readonly<Record<string, unknown>>,
    right as Readonly<Record<string, unknown>>,
  ];
  const names = Object.keys(fields);
  if (names.length !== Object.keys(others).length) return false;
  for (const name of names)
    if (!Object.hasOwn(others, name) || !sameJson(fields[name], others[name])) return false;
  return true;
}
