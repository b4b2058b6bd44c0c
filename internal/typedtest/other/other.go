// Package other declares types with names that package typedtest declares as well.
package other

// A Task is another type than the other Task.
type Task struct {
	Number int `json:"number"`
}

// A Page is another type than the other Page.
type Page[T any] struct {
	Content T `json:"content"`
}
