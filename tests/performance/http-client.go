// SPDX-License-Identifier: LGPL-2.1-or-later

// http-client URI CONCURRENCY REQUESTS: gets URI so often by net/http, and prints how often in a
// second. http has it beside others.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

func get(client *http.Client, uri string) {
	response, err := client.Get(uri)
	if err != nil {
		panic(err)
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil || response.StatusCode != 200 || len(body) == 0 {
		panic(fmt.Sprint(response.Status, err))
	}
}

func run(client *http.Client, uri string, concurrency, requests int) {
	var group sync.WaitGroup
	tickets := make(chan struct{}, requests)
	for i := 0; i < requests; i++ {
		tickets <- struct{}{}
	}
	close(tickets)
	for i := 0; i < concurrency; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for range tickets {
				get(client, uri)
			}
		}()
	}
	group.Wait()
}

func main() {
	uri := os.Args[1]
	concurrency, _ := strconv.Atoi(os.Args[2])
	requests, _ := strconv.Atoi(os.Args[3])
	client := &http.Client{Transport: &http.Transport{
		MaxConnsPerHost:     concurrency,
		MaxIdleConns:        concurrency,
		MaxIdleConnsPerHost: concurrency,
	}}

	run(client, uri, concurrency, 4*concurrency)
	start := time.Now()
	run(client, uri, concurrency, requests)
	fmt.Printf("%.0f\n", float64(requests)/time.Since(start).Seconds())
}
