/** A value that differs from another in one place. */
export interface Mutation {
  /** The place and the change. */
  readonly what: string;
  readonly value: unknown;
}

/** The values for each place: every type, and the limits of numbers and texts. */
const REPLACEMENTS: readonly unknown[] = [
  null,
  true,
  "",
  "text",
  -1,
  0,
  1,
  1.5,
  16,
  64,
  2 ** 40,
  [],
  ["text"],
  {},
  { text: "text" },
];

/** Every value that differs from `value` in one place: a part omitted, replaced, doubled or added. */
export function mutations(value: unknown, path: string): readonly Mutation[] {
  const replaced = REPLACEMENTS.filter(
    (replacement) => JSON.stringify(replacement) !== JSON.stringify(value),
  ).map((replacement) => ({
    what: `${path} = ${JSON.stringify(replacement)}`,
    value: replacement,
  }));
  return [...replaced, ...inside(value, path)];
}

function inside(value: unknown, path: string): readonly Mutation[] {
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value;
    const changed = items.flatMap((item, index) =>
      mutations(item, `${path}[${index}]`).map((mutation) => ({
        ...mutation,
        value: items.with(index, mutation.value),
      })),
    );
    return [
      ...changed,
      { what: `${path} emptied`, value: [] },
      ...(items.length === 0 ? [] : [{ what: `${path} doubled`, value: [...items, items[0]] }]),
    ];
  }
  if (typeof value !== "object" || value === null) return [];
  const fields = Object.entries(value);
  const without = fields.map(([name]) => ({
    what: `${path}.${name} left out`,
    value: Object.fromEntries(fields.filter(([other]) => other !== name)),
  }));
  const changed = fields.flatMap(([name, inner]) =>
    mutations(inner, `${path}.${name}`).map((mutation) => ({
      ...mutation,
      value: { ...value, [name]: mutation.value },
    })),
  );
  return [...without, ...changed, { what: `${path}.unknown added`, value: { ...value, unknown: "text" } }];
}
