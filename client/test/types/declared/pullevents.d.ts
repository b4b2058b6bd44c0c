// As pull.WriteTypeScript writes it.
export interface Task {
  ID: number
  title: string
}

export interface Removed {
  ID: number
  by: string
}

declare global {
  interface PullEvents {
    "tasks:update": Task
    "tasks:delete": Removed
    "im:message": { text: string }
    "im:read-all": {}
  }
}
