package referral

import (
	"container/list"
	"sync"
)

// memory remembers what was used last, up to a size in bytes. It may forget anything at any time. Safe for concurrent use.
type memory[V any] struct {
	most int

	mu    sync.Mutex
	size  int
	order list.List // of *kept[V], what was used last first
	byKey map[string]*list.Element
}

type kept[V any] struct {
	key   string
	value V
	size  int
}

func newMemory[V any](most int) *memory[V] {
	return &memory[V]{most: most, byKey: map[string]*list.Element{}}
}

func (m *memory[V]) get(key string) (v V, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.byKey[key]
	if !ok {
		return v, false
	}
	m.order.MoveToFront(e)
	return e.Value.(*kept[V]).value, true
}

func (m *memory[V]) put(key string, v V, size int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, there := m.byKey[key]; there || size > m.most {
		return
	}
	m.byKey[key] = m.order.PushFront(&kept[V]{key, v, size})
	for m.size += size; m.size > m.most; {
		last := m.order.Back()
		k := m.order.Remove(last).(*kept[V])
		delete(m.byKey, k.key)
		m.size -= k.size
	}
}
