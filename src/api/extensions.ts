/**
 * What a schema says to kube-apiserver beyond zod: rules in CEL, and how server-side apply merges. They stand beside the
 * shape they belong to (`.meta(...)`); the CRDs carry them as they are, and validation runs the same rules.
 */

/**
 * A rule over the value it stands on (`self`), and over what was there before (`oldSelf`, then it is asked at changes only).
 * Uses has, size, all, exists, filter, matches and comparison only: the library that runs it here knows no more.
 */
export interface Rule {
  rule: string
  /** Says what must hold, so that it reads well after the field's name. */
  message: string
  /** The field to blame, below the value the rule stands on, such as `.mac`. */
  fieldPath?: string
}

export const rulesKey = 'x-kubernetes-validations'
export const listTypeKey = 'x-kubernetes-list-type'
export const listKeysKey = 'x-kubernetes-list-map-keys'

export const rules = (...list: Rule[]) => ({ [rulesKey]: list })

/** A list whose order means something: replaced as a whole. */
export const atomicList = { [listTypeKey]: 'atomic' }

/** A list of different scalars. */
export const setList = { [listTypeKey]: 'set' }

/** A list whose entries are known by the values of `keys`, each there once. */
export const mapList = (...keys: string[]) => ({ [listTypeKey]: 'map', [listKeysKey]: keys })

/** An object that one writer replaces as a whole: a union, or something only we write. */
export const atomicMap = { 'x-kubernetes-map-type': 'atomic' }

/** CEL: exactly one of these fields is there. */
export const exactlyOne = (...fields: string[]): Rule => ({
  rule: `[${fields.map((field) => `has(self.${field})`).join(', ')}].exists_one(x, x)`,
  message: `must have exactly one of ${fields.join(', ')}`,
})

/** CEL: not both of these fields are there. */
export const notBoth = (a: string, b: string): Rule => ({
  rule: `!has(self.${a}) || !has(self.${b})`,
  message: `must not have both ${a} and ${b}`,
})

/** CEL, on an object: an optional field stays as it is, and can be neither removed nor added later. */
export const immutable = (field: string): Rule => ({
  rule: `has(self.${field}) == has(oldSelf.${field}) && (!has(self.${field}) || self.${field} == oldSelf.${field})`,
  message: 'cannot be changed, added or removed later; delete the object and make a new one',
  fieldPath: `.${field}`,
})
